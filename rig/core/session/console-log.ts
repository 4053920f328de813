import { closeSync, openSync, renameSync, writeSync } from 'node:fs';
import { SecretMask, type SecretStream } from '../../record/secrets.js';

const bufferBytes = 256 * 1024;
const defaultMaxBytes = 64 * 1024 * 1024;

/**
 * The session's own console log, raw. Written at the latest when the event loop turns, so that a killed process
 * loses next to nothing. A full log becomes `<file>.1` (replacing the one before) and a new one begins: a board that
 * floods its console for days fills no disk.
 */
export class ConsoleLog implements Disposable {
  readonly #buffer = Buffer.allocUnsafe(bufferBytes);
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #failed: (error: unknown) => void;
  readonly #secrets: SecretStream;
  #file: number | undefined;
  #used = 0;
  #written = 0;
  #scheduled = false;

  /** Keeps the log of the session before as `<path>.1`. `failed` is told once when the disk takes no more. */
  constructor(
    path: string,
    options: {
      failed: (error: unknown) => void;
      /** What must not be written; default: nothing is secret. */
      mask?: SecretMask | undefined;
      maxBytes?: number;
    },
  ) {
    this.#path = path;
    this.#maxBytes = options.maxBytes ?? defaultMaxBytes;
    this.#failed = options.failed;
    this.#secrets = (options.mask ?? new SecretMask()).stream();
    this.#begin();
  }

  append(chunk: Uint8Array): void {
    this.#append(this.#secrets.push(chunk));
  }

  #append(chunk: Uint8Array): void {
    if (this.#file === undefined) return;
    for (let from = 0; from < chunk.length; ) {
      const part = chunk.subarray(from, from + bufferBytes - this.#used);
      this.#buffer.set(part, this.#used);
      this.#used += part.length;
      from += part.length;
      if (this.#used === bufferBytes) this.flush();
    }
    if (this.#scheduled || this.#used === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  flush(): void {
    if (this.#file === undefined) return;
    try {
      if (this.#written >= this.#maxBytes) this.#begin();
      for (let from = 0; from < this.#used; ) {
        from += writeSync(this.#file, this.#buffer, from, this.#used - from);
      }
      this.#written += this.#used;
      this.#used = 0;
    } catch (error) {
      this.#close();
      this.#used = 0;
      this.#failed(error);
    }
  }

  [Symbol.dispose](): void {
    this.#append(this.#secrets.flush());
    this.flush();
    this.#close();
  }

  #begin(): void {
    this.#close();
    try {
      renameSync(this.#path, `${this.#path}.1`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    this.#file = openSync(this.#path, 'a', 0o600);
    this.#written = 0;
  }

  #close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}
