import { fromErrorRecord } from '../../contracts/errors.js';
import type { RigEvent } from '../../contracts/events.js';
import { pause } from '../../lifetime/abortable.js';
import { readValue } from '../../record/kept-output.js';
import type { Circuit } from '../board/circuit.js';
import type { Observe } from '../board/observe.js';
import type { ReplayedSession } from './replayed-session.js';
import { askKey, type BodyWindow } from './timeline.js';

type Seen = Extract<RigEvent, { type: 'observation' }>;

/** What was looked at on one board while a body ran, in order. */
export function looksIn(
  events: readonly RigEvent[],
  { board, window }: { readonly board: string; readonly window: BodyWindow },
): readonly Seen[] {
  return events
    .slice(window.from, window.to)
    .filter((event) => event.type === 'observation')
    .filter((event) => event.board === board);
}

/**
 * Shows a suite what was seen then: each look once, in the order recorded, after the time that it took. Looks have no effect on the board,
 * so it does not wait for them, and one that is left out now holds nothing back.
 */
export function replayedLooks(
  circuit: Circuit,
  {
    session,
    seen,
    dir,
    mask,
  }: {
    readonly session: ReplayedSession;
    readonly seen: readonly Seen[];
    /** The run folder. */
    readonly dir: string;
    readonly mask: (text: string) => string;
  },
): Observe {
  const left = new Map<string, Seen[]>();
  for (const one of seen) left.set(one.what, [...(left.get(one.what) ?? []), one]);
  // The record's word for the type: it was written by the same call.
  const observe = async (what: string): Promise<unknown> => {
    const next = left.get(mask(what))?.shift();
    if (!next) throw session.unrecorded(askKey.look(what));
    const { value, outputFile, error, ms } = next;
    if (ms > 0) await pause(ms, { signal: circuit.signal });
    circuit.tell({
      type: 'observation',
      what,
      ms,
      ...(value === undefined ? {} : { value }),
      ...(outputFile === undefined ? {} : { outputFile }),
      ...(error === undefined ? {} : { error }),
    });
    if (error) throw fromErrorRecord(error);
    const kept = readValue(next, dir);
    if (!kept) throw session.unrecorded(`the answer to: ${askKey.look(what)}`);
    return kept.value;
  };
  return observe as Observe;
}
