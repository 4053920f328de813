// Breaks the reference images in one way after another and sees whether the suites say what was predicted:
// `node dist/test/mutations/main.js [WORD…]` runs the batches of which a name contains a word. About 15 CPU seconds each for
// the small image, some minutes for a batch of the full one.
import { join } from 'node:path';
import { packageRoot } from '../../rig/config/package.js';
import type { Batch } from './mutation.js';
import { runBatch } from './run-mutation.js';
import { batches } from './table.js';

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
  const names = (batch: Batch) => [batch.name, ...batch.breakages.map(({ name }) => name)];
  const chosen = batches.filter(
    (batch) => words.length === 0 || words.some((word) => names(batch).some((name) => name.includes(word))),
  );
  let surprised = 0;
  for (const batch of chosen) if (!(await isAsPredicted(batch))) surprised += 1;
  process.stdout.write(`${chosen.length - surprised} of ${chosen.length} as predicted\n`);
  if (chosen.length === 0) return 2;
  return surprised > 0 ? 1 : 0;
}

async function isAsPredicted(batch: Batch): Promise<boolean> {
  const began = performance.now();
  const { tests, surprises, exitCode, cpuSeconds } = await runBatch(batch, {
    resultsDir: join(packageRoot, 'test-results', 'mutations'),
    signal: abort.signal,
  });
  const bad = tests.filter(({ verdict }) => verdict !== 'passed' && verdict !== 'skipped').length;
  const seconds = Math.round((performance.now() - began) / 1000);
  process.stdout.write(
    `${surprises.length === 0 ? 'as predicted' : 'SURPRISE    '} ${batch.name}: ${batch.breakages.map(({ breaks }) => breaks).join('; ')}; ` +
      `${bad} of ${tests.length} not passed, exit code ${exitCode}, ${seconds} s, ${cpuSeconds.toFixed(0)} CPU s\n`,
  );
  for (const surprise of surprises) process.stdout.write(`  ${surprise}\n`);
  return surprises.length === 0;
}
