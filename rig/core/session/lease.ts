import type { Holder } from '../../contracts/session.js';
import { busyError } from './holder.js';

/**
 * Exclusive use of a session's board by one client: a run. While it is held, only its owner may change the board;
 * everybody may look on. Waiters are served in the order they came.
 */
export class Lease {
  readonly #board: string;
  readonly #changed: (holder: Holder | undefined) => void;
  readonly #waiters: { readonly client: object; readonly holder: Holder; grant(): void }[] = [];
  #owner: object | undefined;
  #holder: Holder | undefined;

  constructor(board: string, changed: (holder: Holder | undefined) => void) {
    this.#board = board;
    this.#changed = changed;
  }

  get holder(): Holder | undefined {
    return this.#holder;
  }

  ownedBy(client: object): boolean {
    return this.#owner === client;
  }

  /** @throws RigError `session.busy` while another client than this one has the lease */
  assertFreeFor(client: object): void {
    if (this.#owner !== undefined && this.#owner !== client) throw busyError(this.#board, this.#holder);
  }

  /** @throws RigError `session.busy`, unless it may wait; the signal's reason */
  async take(
    client: object,
    { holder, wait, signal }: { holder: Holder; wait: boolean; signal: AbortSignal },
  ): Promise<void> {
    signal.throwIfAborted();
    if (this.#owner === undefined || this.#owner === client) return this.#give(client, holder);
    if (!wait) this.assertFreeFor(client);
    await new Promise<void>((resolve, reject) => {
      const waiter = {
        client,
        holder,
        grant: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = (): void => {
        const at = this.#waiters.indexOf(waiter);
        if (at >= 0) this.#waiters.splice(at, 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiters.push(waiter);
    });
  }

  release(client: object): void {
    if (this.#owner !== client) return;
    this.#owner = undefined;
    this.#holder = undefined;
    const next = this.#waiters.shift();
    if (next) {
      this.#give(next.client, next.holder);
      next.grant();
    } else this.#changed(undefined);
  }

  #give(client: object, holder: Holder): void {
    this.#owner = client;
    this.#holder = { ...holder, since: new Date().toISOString() };
    this.#changed(this.#holder);
  }
}
