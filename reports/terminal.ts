import { type ErrorRecord, firstLine } from '../rig/contracts/errors.js';
import type { RigEvent } from '../rig/contracts/events.js';
import { mayUseEscapes, type RunSource, type TerminalIo } from './terminal/io.js';
import { LiveLines } from './terminal/live-lines.js';
import { paintWith } from './terminal/paint.js';
import { type BoardStatus, RunStatus } from './terminal/status.js';
import { summaryText } from './terminal/summary.js';
import { milestone, TestLines } from './terminal/test-lines.js';
import { visibleLine } from './visible.js';
import { duration } from './words.js';

export interface TerminalReporterOptions {
  readonly io: TerminalIo;
  /** How many tests are planned; undefined where nobody knows. */
  readonly total: number | undefined;
}

/**
 * Prints a run as it goes: a line for each test that ended, of repetitions only for those that did not pass, and in a terminal, below them, a line for each board that
 * is drawn over again. Disposing prints the summary. Nothing that a device said reaches the terminal unless made harmless.
 */
export function terminalReporter(source: RunSource, { io, total }: TerminalReporterOptions): Disposable {
  const escapes = mayUseEscapes(io);
  const paint = paintWith(escapes);
  const status = new RunStatus();
  let lastEvent: { t: number; atMs: number } = { t: 0, atMs: performance.now() };
  let runError: ErrorRecord | undefined;
  const lines = new TestLines(paint);
  const now = (): number => lastEvent.t + performance.now() - lastEvent.atMs;
  const live = escapes ? new LiveLines(io.out, () => liveLines(status, { nowT: now(), total })) : undefined;
  const print = (line: string): void => (live ? live.print(`${line}\n`) : io.out(`${line}\n`));

  const subscription = source.on((event) => {
    lastEvent = { t: event.t, atMs: performance.now() };
    const finished = status.add(event);
    if (finished) {
      const line = lines.lineFor(finished) ?? (live ? undefined : milestone(status.finished, total));
      if (line !== undefined) print(line);
    }
    if (event.type === 'console') return;
    const notice = noticeOf(event);
    if (notice !== undefined) print(notice);
    if (event.type === 'run.end') runError = event.error;
    live?.changed();
  });
  return {
    [Symbol.dispose]: () => {
      subscription[Symbol.dispose]();
      live?.[Symbol.dispose]();
      const { finished, boots } = status;
      io.out(summaryText(source, { finished, boots, ms: lastEvent.t, error: runError, paint }));
    },
  };
}

function noticeOf(event: RigEvent): string | undefined {
  if (event.type === 'log')
    return `  ${event.board === undefined ? '' : `${visibleLine(event.board)}: `}${visibleLine(event.message)}`;
  if (event.type === 'board.open')
    return `  ${visibleLine(event.board)}: ${event.virtual ? 'virtual board' : 'board'} opened${imageWords(event)}`;
  if (event.type === 'board.broken')
    return `  ${visibleLine(event.board)}: broken: ${visibleLine(firstLine(event.error.message))}`;
  return undefined;
}

function imageWords({ image }: Extract<RigEvent, { type: 'board.open' }>): string {
  if (!image) return '';
  const name = [image.version, image.variant].filter((part) => part !== undefined).join(' ');
  return `, image ${visibleLine(name === '' ? image.path : name)} (${image.sha256.slice(0, 12)})`;
}

function liveLines(
  status: RunStatus,
  { nowT, total }: { nowT: number; total: number | undefined },
): string[] {
  if (status.boards.length === 0) return [];
  const bad = status.finished.filter(({ verdict }) => verdict === 'failed' || verdict === 'errored').length;
  const of = total === undefined ? '' : ` of ${total}`;
  const counts = `${status.finished.length}${of} tests, ${bad} bad, ${duration(nowT)}`;
  return [...status.boards.map((board) => boardLine(board, nowT)), counts];
}

function boardLine({ board, stage, test, testSinceT, step }: BoardStatus, nowT: number): string {
  const doing = test === undefined ? 'between tests' : visibleLine(test);
  const since = testSinceT === undefined ? '' : ` ${duration(nowT - testSinceT)}`;
  return `▸ ${visibleLine(board)} [${stage}] ${doing}${since}${step === undefined ? '' : ` › ${visibleLine(step)}`}`;
}
