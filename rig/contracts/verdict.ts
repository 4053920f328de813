import type { Blame } from './errors.js';

/**
 * What is said of one test. `failed`: the board's fault. `errored`: the rig's, the suite's or the
 * configuration's. `blocked`: an earlier cause kept it from running. `flaky`: failed and passed in one run.
 */
export type Verdict = 'passed' | 'failed' | 'errored' | 'blocked' | 'skipped' | 'flaky';

export const verdicts: readonly Verdict[] = ['passed', 'failed', 'errored', 'blocked', 'skipped', 'flaky'];

/** What is told of many tests together is what their worst is. */
export const worstFirst: readonly Verdict[] = ['failed', 'errored', 'blocked', 'flaky', 'passed', 'skipped'];

export type VerdictCounts = Readonly<Record<Verdict, number>>;

export function countVerdicts(all: Iterable<Verdict>): VerdictCounts {
  const counts: Record<Verdict, number> = {
    passed: 0,
    failed: 0,
    errored: 0,
    blocked: 0,
    skipped: 0,
    flaky: 0,
  };
  for (const verdict of all) counts[verdict] += 1;
  return counts;
}

/** Exit codes of every command; `rig run` derives its own from the verdicts with `exitCodeOf`. */
export const exitCodes = {
  passed: 0,
  failed: 1,
  badInput: 2,
  rigFailed: 3,
  sigint: 130,
  sigterm: 143,
  sighup: 129,
} as const;

/** 128 + the signal's number, as a shell reports it; undefined for what ends no command of ours. */
export function exitCodeOfSignal(name: string | undefined): number | undefined {
  if (name === 'SIGINT') return exitCodes.sigint;
  if (name === 'SIGTERM') return exitCodes.sigterm;
  return name === 'SIGHUP' ? exitCodes.sighup : undefined;
}

/** A board's failure (1) outranks the rig's (3); a run in which nothing was selected is bad input (2). */
export function exitCodeOf(counts: VerdictCounts): number {
  if (counts.failed > 0) return exitCodes.failed;
  if (counts.errored > 0 || counts.blocked > 0) return exitCodes.rigFailed;
  if (counts.passed + counts.flaky + counts.skipped === 0) return exitCodes.badInput;
  return exitCodes.passed;
}

/** The exit code of a command that ended in an error before any verdict fell. */
export function exitCodeOfBlame(blame: Blame): number {
  if (blame === 'config') return exitCodes.badInput;
  return blame === 'board' ? exitCodes.failed : exitCodes.rigFailed;
}
