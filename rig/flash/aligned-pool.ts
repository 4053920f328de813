import type { Cancellable } from '../contracts/capabilities.js';
import { abortable } from '../lifetime/abortable.js';

/** Node's types leave it out. */
declare const WebAssembly: {
  readonly Memory: new (pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};

const wasmPageBytes = 64 * 1024;

/** Bytes that lie on a page border in memory, as direct input and output wants them (man 2 open, O_DIRECT). */
export interface AlignedBuffer {
  readonly bytes: Uint8Array;
  /** Gives it back; once. */
  release(): void;
}

/**
 * A fixed number of buffers: who wants one more waits until one is given back, which is what bounds the memory of a
 * transfer and what makes its reader wait for its writer.
 *
 * A large Buffer of Node does not begin on a page border (the allocator puts its own header there), and JavaScript cannot see
 * addresses. The memory of WebAssembly begins on one: V8 maps it for itself. The kernel checks it at each direct transfer.
 */
export class AlignedPool {
  readonly bufferBytes: number;
  readonly #free: Uint8Array[];
  readonly #waiting: ((bytes: Uint8Array) => void)[] = [];

  /** @param bufferBytes size of each, a multiple of 4096 */
  constructor({ count, bufferBytes }: { readonly count: number; readonly bufferBytes: number }) {
    const pages = Math.ceil((count * bufferBytes) / wasmPageBytes);
    const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.bufferBytes = bufferBytes;
    this.#free = Array.from(
      { length: count },
      (_, i) => new Uint8Array(buffer, i * bufferBytes, bufferBytes),
    );
  }

  /** Waits until one is free. @throws the signal's reason */
  async take({ signal }: Cancellable): Promise<AlignedBuffer> {
    signal?.throwIfAborted();
    const free = this.#free.pop();
    if (free) return this.#lend(free);
    let mine: (bytes: Uint8Array) => void = () => {};
    const turn = new Promise<Uint8Array>((resolve) => {
      mine = resolve;
      this.#waiting.push(resolve);
    });
    try {
      return this.#lend(await abortable(turn, { signal }));
    } catch (error) {
      const place = this.#waiting.indexOf(mine);
      if (place >= 0) this.#waiting.splice(place, 1);
      // Handed over in the very turn of the abort.
      else this.#giveBack(await turn);
      throw error;
    }
  }

  #lend(bytes: Uint8Array): AlignedBuffer {
    return { bytes, release: () => this.#giveBack(bytes) };
  }

  #giveBack(bytes: Uint8Array): void {
    const next = this.#waiting.shift();
    if (next) next(bytes);
    else this.#free.push(bytes);
  }
}
