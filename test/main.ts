// The test driver behind `npm test`, `npm run test:full` and `npm run test:nodes`: every compiled test file as a
// process of its own, then the suites on virtual boards. tap's own runner is left out: it costs about 2 CPU seconds a
// file where `node file.test.js` costs 0.3.
import { constants } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../rig/config/package.js';
import { runBoardSuites } from './driver/boards.js';
import { writeJunit } from './driver/junit.js';
import { nodeOfVersion } from './driver/nodes.js';
import { findTestFiles, type PlannedFile } from './driver/plan.js';
import { duration, fileLines, sumOf, totalsOf } from './driver/print.js';
import { type FileResult, runFile } from './driver/run-file.js';
import { childrenCpuSeconds } from './driver/usage-protocol.js';

const budgetMinutes = 20;
/** How many files run at once, each on a core of its own; one more light file runs beside them, as most of those wait. */
const atOnce = 2;

const { values, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    full: { type: 'boolean', default: false },
    /** Node versions to run the files under, instead of this one: `22,24`. */
    nodes: { type: 'string' },
    'no-boards': { type: 'boolean', default: false },
  },
});
/** Parts of the names of the files to run; Jenkins passes an empty one. */
const wanted = words.filter((word) => word !== '');
const resultsDir = join(packageRoot, 'test-results');
const startedMs = performance.now();
const abort = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => abort.abort(name));
// `npm test | head` closes the pipe: nobody reads on, so there is nobody to tell.
process.stdout.on('error', () => process.exit(1));

process.exitCode = await main();

async function main(): Promise<number> {
  const files = findTestFiles().filter(
    (file) =>
      (values.full || !file.full || wanted.length > 0) &&
      (wanted.length === 0 || wanted.some((word) => file.source.includes(word))),
  );
  if (files.length === 0) {
    process.stderr.write(`No test file matches ${wanted.join(' ')}\n`);
    return 2;
  }
  const results: FileResult[] = [];
  if (values.nodes === undefined) results.push(...(await runAll(files, process.execPath)));
  for (const version of values.nodes?.split(',') ?? []) {
    const node = await nodeOfVersion(version);
    process.stdout.write(`\nNode ${node.version}\n`);
    const renamed = (file: PlannedFile) => ({ ...file, source: `${file.source} (Node ${version})` });
    results.push(...(await runAll(files.map(renamed), node.path)));
  }
  writeJunit(join(resultsDir, 'files.xml'), results);

  let totals = totalsOf(results);
  if (!values['no-boards'] && wanted.length === 0 && !abort.signal.aborted) {
    process.stdout.write('\nSuites on virtual boards\n');
    const boards = await runBoardSuites(values.full ? 'nightly' : 'pr', { resultsDir, signal: abort.signal });
    totals = sumOf([totals, boards]);
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const budget = values.full ? '' : ` of the ${budgetMinutes} min budget`;
  process.stdout.write(`\nTime: ${duration(seconds)}${budget}, ${childrenCpuSeconds().toFixed(0)} CPU s\n`);
  process.stdout.write(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
  if (abort.signal.aborted)
    return 128 + constants.signals[abort.signal.reason as 'SIGINT' | 'SIGTERM' | 'SIGHUP'];
  return totals.failed > 0 || totals.passed === 0 ? 1 : 0;
}

/** Runs them some at once, those with virtual machines first, and prints each result as it comes. */
async function runAll(files: readonly PlannedFile[], node: string): Promise<FileResult[]> {
  const results: FileResult[] = [];
  const lane = async (...queues: PlannedFile[][]): Promise<void> => {
    const next = () => queues.find((queue) => queue.length > 0)?.shift();
    for (let file = next(); file && !abort.signal.aborted; file = next()) {
      const result = await runFile(file, { signal: abort.signal, node });
      process.stdout.write(fileLines(result));
      results.push(result);
    }
  };
  // The longest first, so that none of them is left to run alone at the end.
  const sorted = [...files].sort((a, b) => b.deadlineMs - a.deadlineMs);
  const heavy = sorted.filter((file) => !file.light);
  const light = sorted.filter((file) => file.light);
  await Promise.all([lane(light), ...Array.from({ length: atOnce }, () => lane(heavy, light))]);
  return results;
}
