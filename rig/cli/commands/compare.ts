import { visibleLine } from '../../../reports/visible.js';
import { duration } from '../../../reports/words.js';
import { exitCodes } from '../../contracts/verdict.js';
import { type Comparison, compareRuns, type NewFailure } from '../../core/history/compare.js';
import type { KnownResult, Subject } from '../../core/history/results.js';
import { readRun } from '../../record/reader.js';
import type { CommandInput, CommandIo } from '../command.js';
import { findRun } from '../find-run.js';
import { historyFile } from '../history-file.js';
import { when } from '../history-words.js';

/** `rig compare RUN RUN`: what has changed from the first to the second. */
export async function run({ args, options }: CommandInput, io: CommandIo): Promise<number> {
  const [first = '', second = ''] = args as [string | undefined, string | undefined];
  const before = await readRun(await findRun(first, io.cwd));
  const after = await readRun(await findRun(second, io.cwd));
  const comparison =
    (await historyFile(io).read((history) => compareRuns(before, after, history))) ??
    compareRuns(before, after, undefined);
  if (options.json === true) {
    io.out(`${JSON.stringify({ before: before.run, after: after.run, ...comparison }, null, 2)}\n`);
    return exitCodes.passed;
  }
  io.out(`${before.run} to ${after.run}\n`);
  for (const [heading, lines] of sections(comparison))
    if (lines.length > 0) io.out(`\n${heading}\n${lines.map((line) => `  ${visibleLine(line)}\n`).join('')}`);
  if (sections(comparison).every(([, lines]) => lines.length === 0)) io.out('\nNothing has changed.\n');
  return exitCodes.passed;
}

function sections(comparison: Comparison): readonly (readonly [heading: string, lines: readonly string[]])[] {
  const { slower, slowerByChance } = comparison;
  return [
    ['New failures', comparison.newFailures.map(failureLine)],
    ['Still failing', comparison.stillFailing.map((test) => `${id(test)}: ${test.message ?? test.after}`)],
    ['Fixed', comparison.fixed.map(id)],
    ['Flaky', comparison.flaky.map(id)],
    [
      `Slower than it was (about ${slowerByChance.toFixed(0)} would be here by chance)`,
      slower.map(
        (test) =>
          `${id(test)}: ${duration(test.ms)}, was ${duration(test.medianBeforeMs)}, p ${test.p.toFixed(3)}`,
      ),
    ],
    [
      'Boot stages that come later than they did',
      comparison.slowerStages.map(
        ({ board, stage, medianMs, medianBeforeMs, boots, bootsBefore, p }) =>
          `${board} ${stage}: ${duration(medianMs)} in ${boots} boots, was ${duration(medianBeforeMs)} in ${bootsBefore}, p ${p.toPrecision(2)}`,
      ),
    ],
    ['Only in the first', comparison.gone.map(id)],
    ['Only in the second', comparison.added.map(id)],
  ];
}

function failureLine(test: NewFailure): string {
  const { firstBad, lastGood } = test;
  const since = firstBad ? `; first bad ${place(firstBad)}` : '';
  const until = lastGood ? `, last good ${place(lastGood)}` : '';
  return `${id(test)}: ${test.message ?? test.after}${since}${until}`;
}

function place({ run, startedMs, revision, imageVersion }: KnownResult): string {
  const what = [revision && `rig ${revision}`, imageVersion && `image ${imageVersion}`].filter(Boolean);
  return `${run} of ${when(startedMs)}${what.length > 0 ? ` (${what.join(', ')})` : ''}`;
}

function id({ board, suite, name }: Subject): string {
  return `${board}/${suite}/${name}`;
}
