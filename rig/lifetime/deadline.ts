import type { Cancellable } from '../contracts/capabilities.js';
import { type Blame, RigError } from '../contracts/errors.js';
import { abortable } from './abortable.js';

export interface DeadlineOptions extends Cancellable {
  /** Absent: only the signal ends it. */
  readonly timeoutMs?: number | undefined;
  /** Ends the sentence `Timed out after 500 ms waiting for …`. */
  readonly what: string;
  /** Who is blamed for the time-out; default the rig. */
  readonly blame?: Blame;
  readonly hint?: string;
}

/** 25 days. `setTimeout` fires at once for more. */
export const longestTimerMs = 2 ** 31 - 1;

/** A time limit and a signal in one: `signal` aborts with `lifetime.timeout` or with the outer signal's reason. */
export class Deadline implements Disposable {
  readonly signal: AbortSignal;
  readonly #end: number;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(options: DeadlineOptions) {
    const over = new AbortController();
    const { timeoutMs } = options;
    this.#end = timeoutMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeoutMs;
    if (timeoutMs !== undefined && timeoutMs <= longestTimerMs)
      this.#timer = setTimeout(() => over.abort(timedOut(timeoutMs, options)), timeoutMs);
    this.signal = options.signal ? AbortSignal.any([over.signal, options.signal]) : over.signal;
  }

  /** Milliseconds left, at least 0; infinite without a time limit. */
  get remainingMs(): number {
    return Math.max(0, this.#end - performance.now());
  }

  /** @throws the reason, when it is over */
  throwIfOver(): void {
    this.signal.throwIfAborted();
  }

  /** `promise`, or the reason if the deadline comes first. */
  race<T>(promise: Promise<T>): Promise<T> {
    return abortable(promise, { signal: this.signal });
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

/**
 * Runs `body` with a signal that aborts at the deadline, and rejects then even if `body` goes on.
 *
 * @throws RigError `lifetime.timeout`; the outer signal's reason; what `body` throws
 */
export async function withTimeout<T>(
  body: (signal: AbortSignal) => Promise<T>,
  options: DeadlineOptions,
): Promise<T> {
  using deadline = new Deadline(options);
  deadline.throwIfOver();
  return await deadline.race(body(deadline.signal));
}

export function timedOut(timeoutMs: number, options: Omit<DeadlineOptions, 'signal'>): RigError {
  return new RigError(`Timed out after ${timeoutMs} ms waiting for ${options.what}`, {
    code: 'lifetime.timeout',
    blame: options.blame ?? 'rig',
    hint: options.hint ?? 'If it is only slow, give it more time; otherwise read the console and the log.',
    evidence: { timeoutMs },
  });
}
