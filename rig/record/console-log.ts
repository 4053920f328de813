import { writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { RigError } from '../contracts/errors.js';
import { writeError } from './write-error.js';

/** Small chunks wait at most this long for company, so that a reader of the file is never far behind. */
const batchMs = 20;
const batchBytes = 256 * 1024;

/**
 * The raw bytes of one console, append-only. A batch is written in the background while the next one fills; when the disk is
 * slower than the console, the full batch is written on the spot: the caller waits and memory stays at two batches. Bytes are never dropped
 * unless the file can no longer be written.
 */
export class ConsoleLog implements AsyncDisposable {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #onError: (error: RigError) => void;
  #filling: Buffer = Buffer.allocUnsafe(batchBytes);
  #spare: Buffer | undefined = Buffer.allocUnsafe(batchBytes);
  #filled = 0;
  /** Where `#filling` belongs in the file. */
  #position: number;
  #writing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #error: RigError | undefined;
  #disposed = false;

  private constructor(file: FileHandle, options: { path: string; position: number } & ConsoleLogOptions) {
    this.#file = file;
    this.path = options.path;
    this.#position = options.position;
    this.#onError = options.onError ?? (() => undefined);
  }

  /** Opens `path` and goes on at its end. @throws RigError `record.unwritable`, `record.disk-full` */
  static async open(path: string, options: ConsoleLogOptions = {}): Promise<ConsoleLog> {
    try {
      // Written by position, so not in append mode, where Linux ignores the position (pwrite(2)).
      const file = await open(path, 'r+').catch(() => open(path, 'w', 0o600));
      return new ConsoleLog(file, { path, position: (await file.stat()).size, ...options });
    } catch (error) {
      throw writeError(`the console log ${path}`, error);
    }
  }

  /** Where the next byte will stand in the file. */
  get offset(): number {
    return this.#position + this.#filled;
  }

  /** Takes a copy of `chunk` and returns the offset of its first byte. Never throws: a failed write goes to `onError` and `flush`. */
  append(chunk: Uint8Array): number {
    const offset = this.offset;
    for (let taken = 0; taken < chunk.length; ) {
      const room = batchBytes - this.#filled;
      const part = chunk.subarray(taken, taken + room);
      this.#filling.set(part, this.#filled);
      this.#filled += part.length;
      taken += part.length;
      if (this.#filled === batchBytes) this.#handOver();
    }
    if (this.#filled > 0 && this.#timer === undefined && this.#writing === undefined)
      this.#timer = setTimeout(() => this.#handOver(), batchMs).unref();
    return offset;
  }

  /** Resolves when everything appended so far is in the file. @throws the RigError of the first write that failed */
  async flush(): Promise<void> {
    while (this.#filled > 0 || this.#writing) {
      if (!this.#writing) this.#handOver();
      await this.#writing;
    }
    if (this.#error) throw this.#error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    try {
      await this.flush();
    } finally {
      clearTimeout(this.#timer);
      await this.#file.close();
    }
  }

  #handOver(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#filling.subarray(0, this.#filled);
    const position = this.#position;
    this.#position += this.#filled;
    this.#filled = 0;
    if (this.#error || batch.length === 0) return;
    const spare = this.#spare;
    if (spare === undefined) {
      this.#writeNow(batch, position);
      return;
    }
    const used = this.#filling;
    this.#filling = spare;
    this.#spare = undefined;
    this.#writing = this.#write(batch, position).then(() => {
      this.#spare = used;
      this.#writing = undefined;
      if (this.#filled > 0 && this.#timer === undefined)
        this.#timer = setTimeout(() => this.#handOver(), batchMs).unref();
    });
  }

  async #write(batch: Uint8Array, position: number): Promise<void> {
    try {
      for (let done = 0; done < batch.length; ) {
        const { bytesWritten } = await this.#file.write(batch, done, batch.length - done, position + done);
        done += bytesWritten;
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #writeNow(batch: Uint8Array, position: number): void {
    try {
      for (let done = 0; done < batch.length; )
        done += writeSync(this.#file.fd, batch, done, batch.length - done, position + done);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#error) return;
    this.#error = writeError(`the console log ${this.path}`, error);
    this.#onError(this.#error);
  }
}

export interface ConsoleLogOptions {
  /** Called once, when the file can no longer be written. */
  readonly onError?: (error: RigError) => void;
}
