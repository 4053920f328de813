import type { ErrorRecord } from '../../contracts/errors.js';
import type { EventBody } from '../../contracts/events.js';
import type { Verdict } from '../../contracts/verdict.js';
import { askKey } from './timeline.js';

export type ReplayOutcome = 'same' | 'now passes' | 'now fails' | 'diverged';

/** How an attempt ended. */
export interface Ending {
  readonly verdict: Verdict;
  readonly error?: ErrorRecord;
}

/** One thing that a suite did or saw, at a byte of the console. */
export interface Happening {
  /** Equal keys: the same happened. */
  readonly key: string;
  readonly shown: string;
  readonly board: string;
  readonly offset: number;
  readonly matched?: boolean;
}

/** Where two attempts went apart. */
export interface Difference {
  readonly board: string;
  readonly offset: number;
  readonly recorded: string;
  readonly now: string;
  /** It is a pattern that matches now, and did not then or elsewhere. */
  readonly matched?: boolean;
}

/**
 * @param at the board that it happened on, and the bytes of its console until then
 * @returns undefined for what is neither done nor seen by a suite
 */
export function happening(
  event: EventBody,
  at: { readonly board: string; readonly offset: number },
): Happening | undefined {
  switch (event.type) {
    case 'console.wait': {
      const { patterns, start, end, code } = event;
      if (code !== undefined)
        return { ...at, key: `wait ${code}`, shown: `${patterns} ended in ${code}`, matched: false };
      if (start === undefined) return { ...at, key: `wait ${patterns}`, shown: `${patterns} came` };
      return {
        ...at,
        key: `wait ${start}-${end}`,
        shown: `${patterns} matched bytes ${start} to ${end}`,
        offset: start,
        matched: true,
      };
    }
    case 'shell': {
      const end = event.exitCode === null ? 'no answer' : `exit code ${event.exitCode}`;
      const shown = `${askKey.shell(event.via, event.command)}: ${end}`;
      return { ...at, key: shown, shown };
    }
    case 'ssh.login': {
      const end = event.accepted === null ? 'no answer' : event.accepted ? 'let in' : 'refused';
      const shown = `${askKey.login(event.method)}: ${end}`;
      return { ...at, key: shown, shown };
    }
    case 'observation': {
      const shown = askKey.look(event.what);
      return { ...at, key: shown, shown };
    }
    case 'console.input': {
      const shown = askKey.type(event.text);
      return { ...at, key: shown, shown };
    }
    case 'assert':
      // The name may hold the pattern, and a changed pattern that holds all the same is no other outcome.
      return { ...at, key: `assert ${event.ok}`, shown: `${event.ok ? 'ok' : 'not ok'}: ${event.name}` };
    default:
      return undefined;
  }
}

const isAssertion = ({ key }: Happening): boolean => key.startsWith('assert ');
const nothing = 'nothing more';

/**
 * The first place at which the suite did or saw something else. What was done comes before what was asserted of it: tap tells assertions a
 * little later, so their place among the rest is not certain. Boards are compared each by itself: what a suite does on two at once has no order.
 */
export function firstDifference(
  recorded: readonly Happening[],
  now: readonly Happening[],
): Difference | undefined {
  const done = pair(recorded, now, (one) => !isAssertion(one));
  return done ?? pair(recorded, now, isAssertion);
}

function pair(
  recorded: readonly Happening[],
  now: readonly Happening[],
  which: (one: Happening) => boolean,
): Difference | undefined {
  const boards = new Set([...recorded, ...now].map(({ board }) => board));
  const found = [...boards].flatMap((board) => {
    const ofBoard = (one: Happening): boolean => one.board === board && which(one);
    const [before, after] = [recorded.filter(ofBoard), now.filter(ofBoard)];
    const end = Math.max(before.length, after.length);
    for (let index = 0; index < end; index += 1) {
      const [a, b] = [before[index], after[index]];
      if (a?.key === b?.key) continue;
      const order = b ? now.indexOf(b) : now.length;
      return [{ order, difference: differenceOf(board, a, b) }];
    }
    return [];
  });
  return found.sort((a, b) => a.order - b.order)[0]?.difference;
}

function differenceOf(board: string, a: Happening | undefined, b: Happening | undefined): Difference {
  return {
    board,
    offset: byteOf(a, b),
    recorded: a?.shown ?? nothing,
    now: b?.shown ?? nothing,
    ...(b?.matched ? { matched: true } : {}),
  };
}

/** A match stands at a byte; a wait that was in vain only ended at one. */
function byteOf(a: Happening | undefined, b: Happening | undefined): number {
  if (a?.matched && !b?.matched) return a.offset;
  if (b?.matched && !a?.matched) return b.offset;
  return Math.min(a?.offset ?? Number.POSITIVE_INFINITY, b?.offset ?? Number.POSITIVE_INFINITY);
}

const good: readonly Verdict[] = ['passed', 'flaky', 'skipped'];

/** Two failures are the same one when they have the same cause and stand at the same place. */
export function outcomeOf(
  recorded: Ending,
  now: Ending,
  { difference, diverged }: { readonly difference: Difference | undefined; readonly diverged: boolean },
): ReplayOutcome {
  if (diverged) return 'diverged';
  const [was, is] = [good.includes(recorded.verdict), good.includes(now.verdict)];
  if (was && is)
    return (recorded.verdict === 'skipped') === (now.verdict === 'skipped') ? 'same' : 'diverged';
  if (is) return 'now passes';
  if (was) return 'now fails';
  const sameCause = recorded.error?.code === now.error?.code && difference === undefined;
  return sameCause ? 'same' : 'now fails';
}
