// What a door needs, in order. Each step looks first and does nothing when there is nothing to do.
import { ensureDebianPackages } from './debian.mjs';
import { ensureImages } from './images.mjs';
import { ensureModules } from './modules.mjs';
import { SetupProblem } from './problem.mjs';
import { runProgram } from './program.mjs';
import { openProgress } from './progress.mjs';
import { isBuilt, root } from './sources.mjs';

export const doors = ['start', 'full', 'night', 'test', 'labhost', 'bench'];
const oldestNode = [20, 19];

/**
 * Brings this machine to where `door` works.
 *
 * @param {{ door: 'start' | 'full' | 'night' | 'test' | 'labhost' | 'bench', yes: boolean }} options
 * @throws SetupProblem
 */
export async function setUp({ door, yes }) {
  const startedMs = Date.now();
  const progress = openProgress();
  const terminal = process.stdin.isTTY === true && process.stderr.isTTY === true;
  checkNode(process.versions.node);
  await ensureDebianPackages({ door, yes: yes || process.env.CI === 'true', terminal, progress });
  await ensureModules({ root, progress });
  await ensureBuilt(progress);
  await ensureImages({ door, root, progress });
  if (progress.told === 0) process.stderr.write('setup: nothing to do\n');
  else progress.say(`done in ${Math.round((Date.now() - startedMs) / 1000)} s`);
}

/** @param {string} version `20.19.4` */
export function checkNode(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return;
  throw new SetupProblem(`Node ${version} is too old: boardrig needs ${oldestNode.join('.')} or newer`, {
    next: ['Install a newer Node, then run the same command again.'],
  });
}

async function ensureBuilt(progress) {
  if (isBuilt()) return;
  progress.say('compiling');
  const result = await runProgram([process.execPath, new URL('./build.mjs', import.meta.url).pathname]);
  if (result.exitCode === 0) return;
  throw new SetupProblem('Cannot compile', {
    details: result.lastLines,
    next: ['Mend the source, or `git status` shows what changed.'],
  });
}
