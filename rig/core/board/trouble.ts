import type { RigError } from '../../contracts/errors.js';

/**
 * What ends every call on a board at once: a panic, the end of QEMU, an unplugged adapter, power that went away by
 * itself. It holds until the board's power is switched.
 */
export class Trouble {
  #controller = new AbortController();
  #expected = 0;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get error(): RigError | undefined {
    return this.#controller.signal.aborted ? (this.#controller.signal.reason as RigError) : undefined;
  }

  /** The first cause stays. */
  raise(error: RigError): void {
    if (this.#expected === 0) this.#controller.abort(error);
  }

  clear(): void {
    if (this.#controller.signal.aborted) this.#controller = new AbortController();
  }

  /** Within `body` nothing is trouble: the caller awaits what would be. */
  async expecting<T>(body: () => Promise<T>): Promise<T> {
    this.#expected += 1;
    try {
      return await body();
    } finally {
      this.#expected -= 1;
    }
  }
}
