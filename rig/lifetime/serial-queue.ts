import type { Cancellable } from '../contracts/capabilities.js';
import { abortable } from './abortable.js';

/** Runs tasks one at a time, in the order in which they came. A task that fails does not stop the next. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Aborting while `task` waits for its turn rejects at once and it never runs; a task that runs minds the signal itself.
   */
  run<T>(task: () => Promise<T>, { signal }: Cancellable = {}): Promise<T> {
    const turn = this.#last;
    const result = (async (): Promise<T> => {
      await abortable(turn, { signal });
      signal?.throwIfAborted();
      return task();
    })();
    // The next one waits for this turn even when this one gave up waiting for it.
    this.#last = Promise.allSettled([turn, result]);
    return result;
  }

  /** Resolves when everything queued so far has ended. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
