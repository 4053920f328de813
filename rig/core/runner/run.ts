import { type ErrorRecord, RigError, toErrorRecord } from '../../contracts/errors.js';
import {
  countVerdicts,
  exitCodeOf,
  exitCodes,
  type Verdict,
  type VerdictCounts,
} from '../../contracts/verdict.js';
import { longestTimerMs } from '../../lifetime/deadline.js';
import { BoardRunner, type BoardRunnerOptions } from './board-runner.js';
import type { BoardPlan } from './plan.js';
import { watchStrays } from './strays.js';

export interface RunOptions extends Omit<BoardRunnerOptions, 'signal'> {
  readonly plans: readonly BoardPlan[];
  /** How many boards at a time. */
  readonly jobs: number;
  /** Time for the whole run; what is not done by then is blocked. */
  readonly deadlineMs?: number;
  /** Aborts with the name of the operating system's signal. */
  readonly signal: AbortSignal;
}

export interface RunResult {
  readonly counts: VerdictCounts;
  readonly exitCode: number;
}

/** Runs every plan and says how it went. Rejects never: an error of the run itself is in its `run.end` event. */
export async function run(options: RunOptions): Promise<RunResult> {
  const over = new AbortController();
  const onSignal = (): void => over.abort(interrupted(String(options.signal.reason)));
  if (options.signal.aborted) onSignal();
  options.signal.addEventListener('abort', onSignal, { once: true });
  const timer =
    options.deadlineMs === undefined
      ? undefined
      : setTimeout(
          () => over.abort(outOfTime(options.deadlineMs ?? 0)),
          Math.min(options.deadlineMs, longestTimerMs),
        );
  const errors: ErrorRecord[] = [];
  const strays = watchStrays(options.emit);

  const verdicts: Verdict[] = [];
  const waiting = [...options.plans];
  const worker = async (): Promise<void> => {
    for (let plan = waiting.shift(); plan; plan = waiting.shift()) {
      const result = await new BoardRunner(plan, { ...options, signal: over.signal }).run();
      verdicts.push(...result.verdicts);
      errors.push(...result.errors.map((error) => toErrorRecord(error)));
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.max(1, Math.min(options.jobs, waiting.length)) }, worker));
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener('abort', onSignal);
  }
  errors.push(...strays.end());
  const counts = countVerdicts(verdicts);
  const [error] = errors;
  const signalName = options.signal.aborted ? String(options.signal.reason) : undefined;
  const exitCode = exitCodeOfRun(counts, { error, signalName });
  options.emit({
    type: 'run.end',
    counts,
    exitCode,
    ...(isSignalName(signalName) ? { signal: signalName } : {}),
    ...(error ? { error } : {}),
  });
  return { counts, exitCode };
}

/** A signal outranks every verdict; a board's failure outranks an error of the run itself. */
function exitCodeOfRun(
  counts: VerdictCounts,
  end: { error: ErrorRecord | undefined; signalName: string | undefined },
): number {
  if (end.signalName === 'SIGINT') return exitCodes.sigint;
  if (end.signalName === 'SIGTERM') return exitCodes.sigterm;
  if (end.signalName === 'SIGHUP') return exitCodes.sighup;
  const code = exitCodeOf(counts);
  return end.error && code !== exitCodes.failed ? exitCodes.rigFailed : code;
}

function isSignalName(name: string | undefined): name is 'SIGINT' | 'SIGTERM' | 'SIGHUP' {
  return name === 'SIGINT' || name === 'SIGTERM' || name === 'SIGHUP';
}

function interrupted(signal: string): RigError {
  return new RigError(`The run was ended by ${signal}`, {
    code: 'run.interrupted',
    blame: 'rig',
    hint: 'What had not run by then is blocked; the boards were powered off.',
  });
}

function outOfTime(ms: number): RigError {
  return new RigError(`The run was not done within its deadline of ${ms} ms`, {
    code: 'run.deadline',
    blame: 'rig',
    hint: 'Give --deadline more time, select fewer tests, or use more boards.',
  });
}
