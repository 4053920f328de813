// Breaks the reference image in one way after another and sees whether the suites say what was predicted:
// `node dist/test/mutations/main.js [WORD…]` runs the mutations whose name contains a word. About 20 CPU seconds each.
import { join } from 'node:path';
import { packageRoot } from '../../rig/config/package.js';
import { runMutation } from './run-mutation.js';
import { mutations } from './table.js';

const words = process.argv.slice(2);
const chosen = mutations.filter(
  ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
);
const abort = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(name, () => abort.abort(new Error(name)));

let surprised = 0;
for (const mutation of chosen) {
  const began = performance.now();
  const outcome = await runMutation(mutation, {
    resultsDir: join(packageRoot, 'test-results', 'mutations'),
    signal: abort.signal,
  });
  const bad = outcome.tests.filter(({ verdict }) => !['passed', 'skipped'].includes(verdict)).length;
  if (outcome.surprises.length > 0) surprised += 1;
  const wall = Math.round((performance.now() - began) / 1000);
  process.stdout.write(
    `${outcome.surprises.length === 0 ? 'as predicted' : 'SURPRISE    '} ${mutation.name}: ${mutation.breaks}; ` +
      `${bad} of ${outcome.tests.length} not passed, exit code ${outcome.exitCode}, ${wall} s, ${outcome.cpuSeconds.toFixed(0)} CPU s\n`,
  );
  for (const surprise of outcome.surprises) process.stdout.write(`  ${surprise}\n`);
}
process.stdout.write(`${chosen.length - surprised} of ${chosen.length} as predicted\n`);
process.exitCode = chosen.length === 0 ? 2 : surprised > 0 ? 1 : 0;
