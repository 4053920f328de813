import { type ErrorRecord, RigError, toErrorRecord } from '../../contracts/errors.js';
import {
  countVerdicts,
  exitCodeOf,
  exitCodeOfSignal,
  exitCodes,
  type Verdict,
  type VerdictCounts,
} from '../../contracts/verdict.js';
import { longestTimerMs } from '../../lifetime/deadline.js';
import { BoardRunner, type BoardRunnerOptions } from './board-runner.js';
import { type Lane, Lanes, type Repeat, stopped } from './lanes.js';
import type { BoardPlan } from './plan.js';
import { watchStrays } from './strays.js';

export interface RunOptions extends Omit<BoardRunnerOptions, 'signal'> {
  readonly plans: readonly BoardPlan[];
  /** How many boards at a time. */
  readonly jobs: number;
  /** Runs every plan so often, a virtual board's on forks of it beside each other. */
  readonly repeat?: Repeat | undefined;
  /** Time for the whole run; what is not done by then is blocked. It is how long a run may go on that waits for a failure. */
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
  const { emit, repeat, deadlineMs, signal } = options;
  const over = new AbortController();
  const verdicts: Verdict[] = [];
  const stop = (why: string): void => {
    if (over.signal.aborted) return;
    const reason = stopped(why);
    over.abort(reason);
    emit({ type: 'log', level: 'info', message: reason.message });
  };
  const onSignal = (): void => {
    const name = String(signal.reason);
    if (repeat?.untilFailure) stop(`the run was ended by ${name}`);
    else over.abort(interrupted(name));
  };
  const onDeadline = (ms: number): void => {
    // A limit that was reached is a good end, unless it left no time to try anything.
    if (repeat?.untilFailure && verdicts.includes('passed')) stop(`the time of the run, ${ms} ms, is over`);
    else over.abort(outOfTime(ms));
  };
  if (signal.aborted) onSignal();
  signal.addEventListener('abort', onSignal, { once: true });
  const timer =
    deadlineMs === undefined
      ? undefined
      : setTimeout(() => onDeadline(deadlineMs), Math.min(deadlineMs, longestTimerMs));
  const errors: ErrorRecord[] = [];
  const strays = watchStrays(emit);

  const lanes = new Lanes(options.plans, {
    ...options,
    signal: over.signal,
    onEnd: (id, verdict) => {
      verdicts.push(verdict);
      const bad = verdict !== 'passed' && verdict !== 'skipped';
      if (bad && repeat?.untilFailure) stop(`${id} ${verdict}`);
    },
  });
  const waiting: Lane[] = [...lanes.all];
  const worker = async (): Promise<void> => {
    for (let lane = waiting.shift(); lane; lane = waiting.shift()) {
      const failedToClose = await new BoardRunner(lane, { ...options, signal: over.signal }).run();
      errors.push(...failedToClose.map((error) => toErrorRecord(error)));
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.max(1, Math.min(options.jobs, waiting.length)) }, worker));
  } finally {
    lanes[Symbol.dispose]();
    clearTimeout(timer);
    signal.removeEventListener('abort', onSignal);
  }
  errors.push(...strays.end());
  const counts = countVerdicts(verdicts);
  const [error] = errors;
  const signalName = signal.aborted ? String(signal.reason) : undefined;
  const exitCode = exitCodeOfRun(counts, { error, signalName });
  emit({
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
  const ended = exitCodeOfSignal(end.signalName);
  if (ended !== undefined) return ended;
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
