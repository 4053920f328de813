// Step 5: the reference images that a door boots. The rig builds them, and finds them in its cache the next time.
import { join } from 'node:path';
import { SetupProblem } from './problem.mjs';
import { runProgram } from './program.mjs';

const arm64 = ['tiny', '--arch', 'arm64', '--variant', 'dev'];
const amd64 = ['tiny', '--arch', 'amd64', '--variant', 'dev'];
const full = ['full', '--with', 'engine', '--variant', 'dev'];
const imagesOf = {
  start: [arm64],
  full: [full],
  // A night makes the images of its boards itself.
  night: [],
  test: [arm64, amd64],
  labhost: [arm64],
  bench: [arm64, amd64],
};

/** Lines that come later than this belong to a real build and are worth telling. */
const cachedWithinMs = 2000;

/** @throws SetupProblem with the builder's own last lines */
export async function ensureImages({ door, root, progress }) {
  for (const what of imagesOf[door]) {
    const startedMs = Date.now();
    const result = await runProgram(
      [process.execPath, join(root, 'dist/rig/cli/main.js'), 'image', 'build', ...what],
      {
        cwd: root,
        onLine: (line) => {
          if (Date.now() - startedMs > cachedWithinMs) progress.say(`image ${what.join(' ')}: ${line}`);
          else progress.detail(line);
        },
      },
    );
    progress.clear();
    if (result.exitCode !== 0) {
      throw new SetupProblem(`Cannot build the image ${what.join(' ')}`, {
        details: result.lastLines,
        next: [`To see it all:  npx rig image build ${what.join(' ')} --debug`],
      });
    }
  }
}
