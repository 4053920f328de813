import { join } from 'node:path';
import { visibleLine } from '../../../reports/visible.js';
import { countWords, duration } from '../../../reports/words.js';
import { exitCodes } from '../../contracts/verdict.js';
import type { Reader } from '../../core/history/database.js';
import { rebuild as rebuildHistory } from '../../core/history/rebuild.js';
import { forgetBefore } from '../../core/history/record.js';
import { reliabilityOf, type SubjectHistory, subjectHistories } from '../../core/history/results.js';
import { type KnownRun, recentRuns } from '../../core/history/runs.js';
import { median } from '../../core/statistics/median.js';
import type { CommandInput, CommandIo } from '../command.js';
import { historyFile } from '../history-file.js';
import { rateWords, signsMeaning, strip, when } from '../history-words.js';
import { OptionReader } from '../read-options.js';
import { table } from '../table.js';

const read = new OptionReader('rig history');

/** `rig history`: the runs; `rig history TEST`: what became of tests over time. */
export async function list({ args, options }: CommandInput, io: CommandIo): Promise<number> {
  const [test] = args as [string | undefined];
  const limit =
    read.wholeNumber(options.limit, { name: '--limit', least: 1 }) ?? (test === undefined ? 20 : 100);
  const board = options.board as string | undefined;
  const of = board === undefined ? {} : { board };
  const history = historyFile(io);
  const pattern = test === undefined ? undefined : read.pattern(test, 'TEST');
  const ask = (reader: Reader): Answer =>
    pattern === undefined
      ? { runs: recentRuns(reader, { limit, ...of }) }
      : { tests: subjectHistories(reader, { matches: (name) => pattern.test(name), limit, ...of }) };
  const answer = (await history.read(ask)) ?? (test === undefined ? { runs: [] } : { tests: [] });
  if (options.json === true) io.out(`${JSON.stringify({ history: history.path, ...answer }, null, 2)}\n`);
  else if ('runs' in answer) io.out(runTable(answer.runs));
  else io.out(testTable(answer.tests));
  return exitCodes.passed;
}

type Answer = { readonly runs: readonly KnownRun[] } | { readonly tests: readonly SubjectHistory[] };

function runTable(runs: readonly KnownRun[]): string {
  if (runs.length === 0)
    return 'No run is known yet: rig run enters each when it ends, rig history rebuild those that are there.\n';
  const head = ['WHEN', 'RUN', 'BOARDS', 'RESULT', 'TOOK', 'REVISION'];
  const rows = runs.map((run) => [
    when(run.startedMs),
    run.name,
    run.boards.map(({ name }) => visibleLine(name)).join(','),
    `${countWords(run.counts)}${run.truncated ? ', cut short' : ''}`,
    duration(run.durationMs),
    run.revision ?? '-',
  ]);
  return table([head, ...rows]);
}

function testTable(tests: readonly SubjectHistory[]): string {
  if (tests.length === 0) return 'No such test is known.\n';
  const head = ['BOARD', 'TEST', 'OLDEST TO NEWEST', 'PASSED (95 % INTERVAL)', 'TAKES'];
  const rows = tests.map(({ board, suite, name, results }) => [
    visibleLine(board),
    visibleLine(`${suite}/${name}`),
    strip(results),
    rateWords(reliabilityOf(results).passRate),
    takes(results),
  ]);
  return `${table([head, ...rows])}\n${signsMeaning}\n`;
}

/** The median of the times that it passed. */
function takes(results: SubjectHistory['results']): string {
  const times = results.filter(({ verdict }) => verdict === 'passed').map(({ ms }) => ms);
  return times.length === 0 ? '-' : duration(median(times));
}

/** `rig history rebuild`: enters every run of ./runs anew. */
export async function rebuild({ options }: CommandInput, io: CommandIo): Promise<number> {
  const history = historyFile(io);
  const rebuilt = await rebuildHistory(history, { runsDir: join(io.cwd, 'runs'), signal: io.signal });
  if (options.json === true) io.out(`${JSON.stringify({ history: history.path, ...rebuilt }, null, 2)}\n`);
  else {
    if (rebuilt.found === 'unreadable')
      io.err('The history could not be read: it begins anew from the run folders.\n');
    for (const { dir, why } of rebuilt.unreadable)
      io.err(`Left out ${visibleLine(dir)}: ${visibleLine(why)}\n`);
    io.out(`${rebuilt.runs} runs entered, ${rebuilt.kept} kept whose folders are gone: ${history.path}\n`);
  }
  return exitCodes.passed;
}

/** `rig history forget --older-than 400d`. */
export async function forget({ options }: CommandInput, io: CommandIo): Promise<number> {
  if (options.olderThan === undefined) throw read.bad('Say which runs to forget: --older-than 400d');
  const ms = read.time(String(options.olderThan), { name: '--older-than', long: true });
  const forgotten = await historyFile(io).change((history) => forgetBefore(history, Date.now() - ms), {
    signal: io.signal,
  });
  io.out(options.json === true ? `${JSON.stringify({ forgotten })}\n` : `${forgotten} runs forgotten\n`);
  return exitCodes.passed;
}
