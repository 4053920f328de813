import { type ErrorRecord, firstLine } from '../../contracts/errors.js';
import type { Verdict } from '../../contracts/verdict.js';
import { isStopped } from './lanes.js';

/** What came of one attempt, or why there was none. */
export interface Outcome {
  readonly verdict: Verdict;
  readonly error?: ErrorRecord;
  readonly reason?: string;
}

/** Somebody has to look at it. */
export function isBad({ verdict }: Outcome): boolean {
  return verdict === 'failed' || verdict === 'errored';
}

export function outcomeOf(error: ErrorRecord): Outcome {
  return { verdict: error.blame === 'board' ? 'failed' : 'errored', error };
}

/** What was cut short because the run had seen enough is no error; what the board had done wrong by then stands. */
export function unlessStopped(outcome: Outcome, signal: AbortSignal): Outcome {
  const cut = outcome.verdict === 'errored' || outcome.verdict === 'blocked';
  return cut && isStopped(signal) ? { verdict: 'skipped', reason: reasonOf(signal) } : outcome;
}

/** What a retry did not take back stands: no later skip, block or error of the rig hides what the board did wrong. */
export function finalVerdict(earlier: readonly Verdict[], last: Verdict): Verdict {
  if (earlier.length === 0) return last;
  if (last === 'passed') return 'flaky';
  return last === 'failed' || earlier.includes('failed') ? 'failed' : 'errored';
}

export function reasonOf(signal: AbortSignal): string {
  return signal.reason instanceof Error
    ? firstLine(signal.reason.message)
    : `the run was ended by ${String(signal.reason)}`;
}
