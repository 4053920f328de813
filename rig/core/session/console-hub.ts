import { RigError } from '../../contracts/errors.js';
import type { ConsoleReader } from '../../contracts/session.js';

/** So much of the console is kept for newcomers. */
export const tailBytes = 64 * 1024;

/**
 * Everything the console line says, to everybody who listens, and the last of it to who comes later. It takes each
 * chunk at once whether anybody listens or not: a line that nobody reads stalls the board.
 */
export class ConsoleHub {
  readonly #readers = new Set<ConsoleReader>();
  readonly #ring = Buffer.alloc(tailBytes);
  #total = 0;
  #end: RigError | undefined;

  /** Bytes since the line was opened. */
  get total(): number {
    return this.#total;
  }

  received(chunk: Uint8Array): void {
    this.#remember(chunk);
    for (const reader of [...this.#readers]) {
      try {
        reader.data(chunk);
      } catch (error) {
        this.#readers.delete(reader);
        reader.lost(
          new RigError('A reader of the console failed and was taken off the line', {
            code: 'session.reader-failed',
            blame: 'rig',
            hint: 'This is a defect of boardrig: please report it with the run folder.',
            cause: error,
          }),
        );
      }
    }
  }

  lost(error: RigError): void {
    if (this.#end) return;
    this.#end = error;
    const readers = [...this.#readers];
    this.#readers.clear();
    for (const reader of readers) reader.lost(error);
  }

  subscribe(reader: ConsoleReader, options: { readonly from?: 'now' | 'tail' } = {}): Disposable {
    if (options.from === 'tail') {
      const history = this.last(tailBytes);
      if (history.length > 0) reader.data(history);
    }
    const end = this.#end;
    let listening = true;
    if (end) {
      // Not before the caller has its handle.
      queueMicrotask(() => {
        if (listening) reader.lost(end);
      });
    } else this.#readers.add(reader);
    return {
      [Symbol.dispose]: () => {
        listening = false;
        this.#readers.delete(reader);
      },
    };
  }

  #remember(chunk: Uint8Array): void {
    const kept = chunk.length > tailBytes ? chunk.subarray(chunk.length - tailBytes) : chunk;
    const at = (this.#total + chunk.length - kept.length) % tailBytes;
    const first = kept.subarray(0, tailBytes - at);
    this.#ring.set(first, at);
    this.#ring.set(kept.subarray(first.length), 0);
    this.#total += chunk.length;
  }

  /** The newest bytes, at most `wantedBytes` and what is kept. */
  last(wantedBytes: number): Buffer {
    const at = this.#total % tailBytes;
    const whole =
      this.#total <= tailBytes
        ? Buffer.from(this.#ring.subarray(0, this.#total))
        : Buffer.concat([this.#ring.subarray(at), this.#ring.subarray(0, at)]);
    return whole.subarray(Math.max(0, whole.length - wantedBytes));
  }
}
