// Breaks the reference image in one way after another and sees whether the suites say what was predicted:
// `node dist/test/mutations/main.js [WORD…]` runs the mutations whose name contains a word. About 15 CPU seconds each.
import { join } from 'node:path';
import { packageRoot } from '../../rig/config/package.js';
import type { Mutation } from './mutation.js';
import { runMutation } from './run-mutation.js';
import { mutations } from './table.js';

const words = process.argv.slice(2);
const abort = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => abort.abort(name));

try {
  process.exitCode = await main();
} catch (error) {
  if (!abort.signal.aborted) throw error;
  process.stderr.write(`Ended by ${String(abort.signal.reason)}\n`);
  process.exitCode = 130;
}

async function main(): Promise<number> {
  const chosen = mutations.filter(
    ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
  );
  let surprised = 0;
  for (const mutation of chosen) if (!(await isAsPredicted(mutation))) surprised += 1;
  process.stdout.write(`${chosen.length - surprised} of ${chosen.length} as predicted\n`);
  if (chosen.length === 0) return 2;
  return surprised > 0 ? 1 : 0;
}

async function isAsPredicted(mutation: Mutation): Promise<boolean> {
  const began = performance.now();
  const { tests, surprises, exitCode, cpuSeconds } = await runMutation(mutation, {
    resultsDir: join(packageRoot, 'test-results', 'mutations'),
    signal: abort.signal,
  });
  const bad = tests.filter(({ verdict }) => verdict !== 'passed' && verdict !== 'skipped').length;
  const seconds = Math.round((performance.now() - began) / 1000);
  process.stdout.write(
    `${surprises.length === 0 ? 'as predicted' : 'SURPRISE    '} ${mutation.name}: ${mutation.breaks}; ` +
      `${bad} of ${tests.length} not passed, exit code ${exitCode}, ${seconds} s, ${cpuSeconds.toFixed(0)} CPU s\n`,
  );
  for (const surprise of surprises) process.stdout.write(`  ${surprise}\n`);
  return surprises.length === 0;
}
