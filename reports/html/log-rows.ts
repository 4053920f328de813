import {
  type AttemptRecord,
  type BoardEvent,
  type BoardRecord,
  isDuring,
  type StepRecord,
} from '../../rig/record/model.js';
import { bootWords, isBadBoot } from '../slot-words.js';
import { duration } from '../words.js';
import { type ConsoleLine, consoleLines } from './console-lines.js';

/** One row of the log of an attempt: something that the console said, or something that was done or seen. */
export type LogRow =
  | ({ readonly kind: 'console'; readonly board: string } & ConsoleLine)
  | {
      readonly kind: 'power' | 'link' | 'epoch' | 'stage' | 'input' | 'step' | 'trouble' | 'note';
      readonly t: number;
      readonly board: string;
      readonly text: string;
    };

type EventRow = Exclude<LogRow, { kind: 'console' }>;

/** Where an event stands among the lines: by its own byte offset when it has one, else by time. */
interface Placed {
  readonly seq: number;
  readonly row: EventRow;
  readonly before?: number;
  readonly after?: number;
}

/** Console and actions of an attempt on one time line, in order; of several boards, merged by time. */
export function logRows(
  dir: string,
  place: { boards: readonly BoardRecord[]; attempt: AttemptRecord; maxBytes: number },
): LogRow[] {
  const { boards, attempt, maxBytes } = place;
  const columns = boards.map((board, index) => {
    const own = board.timeline
      .filter((event) => isDuring(event, attempt))
      .flatMap((event) => boardRow(event, board.name));
    const steps = index === 0 ? attempt.steps.flatMap((step) => stepRows(step, board.name)) : [];
    const placed = [...own, ...steps].sort((a, b) => a.seq - b.seq);
    return interleave(consoleLines(dir, { board, attempt, maxBytes }), { placed, board: board.name });
  });
  return columns.length === 1 ? (columns[0] ?? []) : columns.flat().sort((a, b) => a.t - b.t);
}

function interleave(lines: readonly ConsoleLine[], events: { placed: Placed[]; board: string }): LogRow[] {
  const rows: LogRow[] = [];
  let next = 0;
  for (const { row, before, after } of events.placed) {
    const isEarlier = (line: ConsoleLine): boolean => {
      if (before !== undefined) return line.offset < before;
      return after !== undefined ? line.offset <= after : line.t <= row.t;
    };
    for (let line = lines[next]; line && isEarlier(line); line = lines[next]) {
      rows.push({ kind: 'console', board: events.board, ...line });
      next += 1;
    }
    rows.push(row);
  }
  return [
    ...rows,
    ...lines.slice(next).map((line): LogRow => ({ kind: 'console', board: events.board, ...line })),
  ];
}

function boardRow(event: BoardEvent, board: string): Placed[] {
  const { seq } = event;
  const row = (kind: EventRow['kind'], text: string): EventRow => ({ kind, t: event.t, board, text });
  switch (event.type) {
    case 'power':
      return [{ seq, row: row('power', `Power ${event.state}${byItself(event.cause)}`) }];
    case 'reset':
      return [{ seq, row: row('power', `Reset${byItself(event.cause)}`) }];
    case 'link':
      return [{ seq, row: row('link', `Network link ${event.state}`) }];
    case 'mux':
      return [{ seq, row: row('power', `Medium to the ${event.side}`) }];
    case 'edge':
      // A blinking LED would bury the log; the time line above shows it.
      return [];
    case 'provision':
      return provisionRow(event).map(([kind, text]) => ({ seq, row: row(kind, text) }));
    case 'epoch':
      return [
        { seq, row: row('epoch', `Boot ${event.epoch} begins (${event.reason})`), before: event.offset },
      ];
    case 'stage': {
      const reached = row('stage', `Reached ${event.stage} after ${duration(event.ms)}`);
      return [{ seq, row: reached, ...(event.offset === undefined ? {} : { after: event.offset }) }];
    }
    case 'console.input':
      return [{ seq, row: row('input', `Typed ${JSON.stringify(event.text)}`) }];
    case 'shell': {
      const end = event.exitCode === null ? 'no answer' : `exit ${event.exitCode}`;
      return [{ seq, row: row('input', `${event.via} $ ${event.command} → ${end}, ${duration(event.ms)}`) }];
    }
    case 'snapshot': {
      const done = event.action === 'saved' ? 'Saved' : 'Brought back to';
      return [{ seq, row: row('note', `${done} "${event.state}" in ${duration(event.ms)}`) }];
    }
    case 'slot.boot': {
      const kind = event.verdict === 'good' ? 'stage' : isBadBoot(event) ? 'trouble' : 'note';
      return [{ seq, row: row(kind, `Boot ${event.epoch} of slot ${event.slot}: ${bootWords(event)}`) }];
    }
    case 'board.broken':
      return [{ seq, row: row('trouble', `Board broken: ${event.error.message}`) }];
    case 'log':
      return [{ seq, row: row(event.level === 'warning' ? 'trouble' : 'note', event.message) }];
  }
}

function provisionRow(event: Extract<BoardEvent, { type: 'provision' }>): [EventRow['kind'], string][] {
  const { method, step, steps, what, phase, ms = 0, error } = event;
  const place = `Provision (${method}) ${step} of ${steps}: ${what}`;
  if (phase === 'start') return [['step', place]];
  return error ? [['trouble', `${place} failed after ${duration(ms)}: ${error.message}`]] : [];
}

function byItself(cause: 'rig' | 'board'): string {
  return cause === 'board' ? ', by the board itself' : '';
}

function stepRows(step: StepRecord, board: string): Placed[] {
  const begin: Placed = {
    seq: step.startSeq,
    row: { kind: 'step', t: step.startT, board, text: `Step: ${step.name}` },
  };
  const inside = step.children.flatMap((child) => stepRows(child, board));
  const failed = step.assertions
    .filter((assertion) => !assertion.ok)
    .map(
      ({ seq, t, name }): Placed => ({ seq, row: { kind: 'trouble', t, board, text: `Not ok: ${name}` } }),
    );
  const end: Placed[] =
    step.endT !== undefined && step.endSeq !== undefined && !step.ok
      ? [
          {
            seq: step.endSeq,
            row: { kind: 'trouble', t: step.endT, board, text: `Step failed: ${step.name}` },
          },
        ]
      : [];
  return [begin, ...inside, ...failed, ...end];
}
