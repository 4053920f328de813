import type { ErrorRecord } from '../../contracts/errors.js';
import type { NightJob, NightTest } from '../../contracts/night.js';
import type { Verdict } from '../../contracts/verdict.js';
import type { RunRecord, TestRecord } from '../../record/model.js';

/** A run of what was left of a job, as its folder tells. */
export interface Attempted {
  readonly attempt: number;
  /** Relative to the folder of the night. */
  readonly dir: string;
  /** Absent: the process ended before it had a run to tell of. */
  readonly run?: RunRecord;
}

export interface TestOutcome {
  readonly verdict: Verdict;
  readonly ms: number;
  readonly dir: string;
  readonly id: string;
  readonly error?: ErrorRecord;
  readonly reason?: string;
}

/** What a run says when it was cut short from outside: no word about the test. */
const cutShort: readonly string[] = ['run.truncated', 'run.interrupted'];
const lateCode = 'run.deadline';

/**
 * What a job's attempts come to for one test. A word about the board stands whatever came of later attempts; a pass after an error of the rig
 * is flaky, as it is within one run. What was cut short counts as not run.
 *
 * @returns undefined when the test was not run to an end
 */
export function outcomeOf(attempts: readonly Attempted[], test: NightTest): TestOutcome | undefined {
  const records = attempts.flatMap(({ dir, run }) =>
    (run?.tests ?? []).filter((one) => isOf(one, test)).map((one) => ({ one, dir })),
  );
  const whole = records.filter(({ one }) => !wasCutShort(one));
  const decisive = whole.find(({ one }) => isWord(one.verdict)) ?? whole.at(-1);
  if (!decisive) return undefined;
  const { one, dir } = decisive;
  const spoilt = records.flatMap((record) => (record.one === one ? [] : spoiltBy(record.one))).at(-1);
  const isRepaired = one.verdict === 'passed' && spoilt !== undefined;
  const error = one.error ?? (isRepaired ? spoilt : undefined);
  return {
    verdict: isRepaired ? 'flaky' : one.verdict,
    ms: one.ms,
    dir,
    id: one.id,
    ...(error ? { error } : {}),
    ...(one.reason === undefined ? {} : { reason: one.reason }),
  };
}

/** What went wrong with a test before it was cut short, or before another board tried it. */
function spoiltBy({ attempts }: TestRecord): ErrorRecord[] {
  return attempts.flatMap(({ verdict, error }) =>
    (verdict === 'failed' || verdict === 'errored') && error && ![...cutShort, lateCode].includes(error.code)
      ? [error]
      : [],
  );
}

/**
 * The tests of a job that another board, or the same after a crash, should still try.
 *
 * @param options.late also those for which the time was over: a night that is taken up again has more of it
 */
export function leftOf(
  job: NightJob,
  attempts: readonly Attempted[],
  { retries, late }: { readonly retries: number; readonly late: boolean },
): NightTest[] {
  return job.tests.filter((test) => {
    const outcome = outcomeOf(attempts, test);
    if (outcome === undefined || (late && wasLate(outcome))) return true;
    const tried = attempts.filter(({ run }) =>
      run?.tests.some((one) => isOf(one, test) && !wasCutShort(one)),
    ).length;
    return isRigsFault(outcome) && tried <= retries;
  });
}

function isOf(record: TestRecord, test: NightTest): boolean {
  return record.suite === test.suite && record.name === test.name;
}

/** A word about the board, or one that no other attempt would change. */
function isWord(verdict: Verdict): boolean {
  return verdict !== 'errored' && verdict !== 'blocked';
}

/** Time that ran out says nothing against the rig: another try would take as long. */
function isRigsFault({ verdict, error }: TestOutcome): boolean {
  return !isWord(verdict) && error?.blame === 'rig' && error.code !== lateCode;
}

function wasLate({ verdict, error, reason }: TestOutcome): boolean {
  if (isWord(verdict)) return false;
  return error?.code === lateCode || (reason ?? '').startsWith('The run was not done within its deadline');
}

/** Also a test that had failed, and was cut short while the board tried it again. */
function wasCutShort({ verdict, reason, attempts }: TestRecord): boolean {
  const last = attempts.at(-1);
  if (cutShort.includes(last?.error?.code ?? '')) return true;
  return verdict === 'blocked' && (reason ?? last?.reason ?? '').startsWith('The run was ended by');
}
