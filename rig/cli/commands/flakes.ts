import { visibleLine } from '../../../reports/visible.js';
import { exitCodes } from '../../contracts/verdict.js';
import {
  type Reliability,
  reliabilityOf,
  type SubjectHistory,
  subjectHistories,
} from '../../core/history/results.js';
import type { CommandInput, CommandIo } from '../command.js';
import { historyFile } from '../history-file.js';
import { rateWords, signsMeaning, strip, when } from '../history-words.js';
import { OptionReader } from '../read-options.js';
import { table } from '../table.js';

const read = new OptionReader('rig flakes');

/** `rig flakes`: tests whose verdict changed though nothing else did, the least reliable first. */
export async function run({ options }: CommandInput, io: CommandIo): Promise<number> {
  const windowMs = read.time(String(options.within ?? '30d'), { name: '--within', long: true });
  const board = options.board as string | undefined;
  const history = historyFile(io);
  const tests = await history.read((reader) =>
    subjectHistories(reader, { sinceMs: Date.now() - windowMs, ...(board === undefined ? {} : { board }) }),
  );
  const flaky = (tests ?? [])
    .map((test) => ({ test, reliability: reliabilityOf(test.results) }))
    .filter(({ reliability }) => reliability.isFlaky)
    .sort((a, b) => a.reliability.passRate.rate - b.reliability.passRate.rate);
  if (options.json === true) {
    const rows = flaky.map(({ test: { results, ...test }, reliability }) => ({
      ...test,
      ...reliability,
      lastSeen: results.find(({ verdict }) => verdict !== 'passed'),
    }));
    io.out(`${JSON.stringify({ history: history.path, flaky: rows }, null, 2)}\n`);
  } else io.out(flaky.length === 0 ? `No flaky test among ${tests?.length ?? 0}.\n` : flakeTable(flaky));
  return exitCodes.passed;
}

function flakeTable(
  flaky: readonly { readonly test: SubjectHistory; readonly reliability: Reliability }[],
): string {
  const head = ['BOARD', 'TEST', 'OLDEST TO NEWEST', 'PASSED AT ONCE (95 %)', 'LAST FAILED'];
  const rows = flaky.map(({ test: { board, suite, name, results }, reliability }) => {
    const last = results.find(({ verdict }) => verdict === 'failed' || verdict === 'flaky');
    return [
      visibleLine(board),
      visibleLine(`${suite}/${name}`),
      strip(results),
      rateWords(reliability.passRate),
      last ? `${when(last.startedMs)} ${last.run}` : '-',
    ];
  });
  return `${table([head, ...rows])}\n${signsMeaning}\n`;
}
