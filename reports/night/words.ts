import { isExpired } from '../../rig/contracts/matrix.js';
import type { NightReport } from '../../rig/contracts/night.js';
import type { Verdict } from '../../rig/contracts/verdict.js';

/** The verdict on the night, as its exit code has it. */
export function nightVerdict({ exitCode, signal, counts, excused, plan }: NightReport): {
  readonly word: string;
  readonly verdict: Verdict;
} {
  if (exitCode === 1 && counts.failed <= excused && counts.flaky > (plan.flakyLimit ?? Infinity))
    return { word: 'Too flaky', verdict: 'flaky' };
  if (exitCode === 1) return { word: 'Failed', verdict: 'failed' };
  if (signal !== undefined) return { word: 'Interrupted', verdict: 'errored' };
  if (counts.errored > 0) return { word: 'Errored', verdict: 'errored' };
  if (counts.blocked > 0) return { word: 'Not all ran', verdict: 'blocked' };
  if (exitCode !== 0) return { word: 'Nothing ran', verdict: 'errored' };
  return counts.flaky > 0
    ? { word: 'Passed, flaky', verdict: 'flaky' }
    : { word: 'Passed', verdict: 'passed' };
}

/** What is new, in a few words: the first thing that a person wants to know. */
export function newsWords({ failures, plan }: NightReport): string {
  const told = failures.filter(({ quarantine }) => !quarantine || isExpired(quarantine, plan));
  const fresh = told.filter(({ isNew }) => isNew).length;
  const known = told.length - fresh;
  if (told.length === 0) return 'nothing failed';
  return [
    fresh > 0 ? `${fresh} new ${fresh === 1 ? 'failure' : 'failures'}` : 'no new failure',
    ...(known > 0 ? [`${known} known`] : []),
  ].join(', ');
}

/** The board, and the image where it has a name of its own. */
export function placeWords({ board, image }: { readonly board: string; readonly image: string }): string {
  return image === 'default' ? board : `${board} · ${image}`;
}

/** `night-20261121T200000Z-abc123` as `2026-11-21`. */
export function nightDay(night: string): string {
  const [, year, month, day] = /^night-(\d{4})(\d\d)(\d\d)T/.exec(night) ?? [];
  return year === undefined ? night : `${year}-${month}-${day}`;
}
