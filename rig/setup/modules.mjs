// Step 3: node modules, exactly those of package-lock.json.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupProblem } from './problem.mjs';
import { runProgram } from './program.mjs';

/** Inside node_modules, so that removing that folder also removes the claim that it is complete. */
const stampName = '.boardrig-lock';

/** @throws SetupProblem with npm's own last lines */
export async function ensureModules({ root, progress }) {
  const stamp = join(root, 'node_modules', stampName);
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8').trim() === lock) return;
  progress.say('installing node modules (npm ci)');
  const result = await runProgram(['npm', 'ci', '--no-audit', '--no-fund', '--ignore-scripts'], {
    cwd: root,
    onLine: (line) => progress.detail(line),
  });
  progress.clear();
  if (result.exitCode !== 0) {
    throw new SetupProblem(`npm ci failed with exit code ${result.exitCode}`, {
      details: result.lastLines,
      next: [
        'Is the npm registry reachable? Run `npm ci` to see the whole output, then the same command again.',
      ],
    });
  }
  writeFileSync(stamp, `${lock}\n`);
}
