import type { Socket } from 'node:net';
import { type RigError, toErrorRecord } from '../../contracts/errors.js';
import type { ConsoleReader } from '../../contracts/session.js';
import { type ConsoleHub, tailBytes } from './console-hub.js';
import { encodeBytes, encodeMessage, maxChunkBytes } from './frames.js';

export interface RelayOptions {
  /** Number of the subscription, chosen by the client. */
  readonly id: number;
  readonly hub: ConsoleHub;
  /** Bytes that may wait in this process for the client, asked anew each time. */
  limitBytes(): number;
}

/**
 * The console as one client gets it. The board never waits for a reader, and a reader that does not read costs no
 * more than its limit: what it cannot take is left out, and when it reads again it gets a gap, then the last 64 KiB.
 */
export class ConsoleRelay implements ConsoleReader, Disposable {
  readonly #socket: Socket;
  readonly #options: RelayOptions;
  readonly #onDrain = (): void => this.#catchUp();
  #subscription: Disposable | undefined;
  #missed = 0;
  #lost: RigError | undefined;

  constructor(socket: Socket, options: RelayOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('drain', this.#onDrain);
  }

  start(from: 'now' | 'tail'): void {
    this.#subscription = this.#options.hub.subscribe(this, { from });
  }

  data(chunk: Uint8Array): void {
    if (this.#missed > 0 || this.#socket.writableLength > this.#options.limitBytes()) {
      this.#missed += chunk.length;
    } else this.#send(chunk);
  }

  lost(error: RigError): void {
    this.#lost = error;
    if (this.#missed === 0) this.#sayLost();
  }

  [Symbol.dispose](): void {
    this.#subscription?.[Symbol.dispose]();
    this.#socket.off('drain', this.#onDrain);
  }

  #catchUp(): void {
    if (this.#missed === 0) return;
    const newest = this.#options.hub.last(Math.min(this.#missed, tailBytes));
    const missedBytes = this.#missed - newest.length;
    this.#missed = 0;
    if (missedBytes > 0) {
      this.#socket.write(encodeMessage({ type: 'gap', id: this.#options.id, missedBytes }));
    }
    this.#send(newest);
    if (this.#lost) this.#sayLost();
  }

  #send(chunk: Uint8Array): void {
    for (let from = 0; from < chunk.length; from += maxChunkBytes) {
      this.#socket.write(encodeBytes(this.#options.id, chunk.subarray(from, from + maxChunkBytes)));
    }
  }

  #sayLost(): void {
    if (!this.#lost) return;
    const error = { ...toErrorRecord(this.#lost) } as never;
    this.#socket.write(encodeMessage({ type: 'console-lost', id: this.#options.id, error }));
  }
}
