/** Counts the bodies in which an event is awaited instead of being an error, and tells them when it came. */
export class Scope {
  readonly #open = new Set<{ came: () => void; fail: (reason: unknown) => void }>();

  get active(): boolean {
    return this.#open.size > 0;
  }

  /** Runs `body`; the event may come meanwhile, or not. */
  async allow<T>(body: () => Promise<T>): Promise<T> {
    const entry = { came: () => {}, fail: () => {} };
    this.#open.add(entry);
    try {
      return await body();
    } finally {
      this.#open.delete(entry);
    }
  }

  /** The event happened. */
  came(): void {
    for (const one of this.#open) one.came();
  }

  /** The event can no longer happen. */
  fail(reason: unknown): void {
    for (const one of this.#open) one.fail(reason);
  }

  /**
   * Runs `body`, then waits for the event if it has not come; `timeout` makes the error after `timeoutMs` from there.
   */
  async run<T>(
    body: () => Promise<T>,
    options: { timeoutMs: number; signal: AbortSignal | undefined; timeout: () => Promise<unknown> },
  ): Promise<T> {
    let failure: { reason: unknown } | undefined;
    let seen = false;
    let wake: () => void = () => undefined;
    const entry = {
      came: () => {
        seen = true;
        wake();
      },
      fail: (reason: unknown) => {
        failure = { reason };
        wake();
      },
    };
    this.#open.add(entry);
    const onAbort = (): void => entry.fail(options.signal?.reason);
    options.signal?.addEventListener('abort', onAbort);
    try {
      if (options.signal?.aborted) onAbort();
      else {
        const value = await body();
        await new Promise<void>((resolve) => {
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
          const timer = setTimeout(resolve, options.timeoutMs);
          if (seen || failure) wake();
        });
        if (seen) return value;
      }
      if (failure) throw failure.reason;
      throw await options.timeout();
    } finally {
      options.signal?.removeEventListener('abort', onAbort);
      this.#open.delete(entry);
    }
  }
}
