import { readFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import { headBytes, type PackedSource } from './packed-source.js';

const chunkBytes = 256 * 1024;

/** An image in a file of this host. */
export class FileSource implements PackedSource {
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly handle: FileHandle;
  #consumed = 0;

  private constructor(
    name: string,
    { path, handle, sizeBytes }: Pick<FileSource, 'path' | 'handle' | 'sizeBytes'>,
  ) {
    this.name = name;
    this.path = path;
    this.handle = handle;
    this.sizeBytes = sizeBytes;
  }

  /**
   * @param name as the person wrote it
   * @throws RigError `flash.image-missing`, `flash.image-unreadable` (blame: config)
   */
  static async open(path: string, name: string): Promise<FileSource> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, 'r');
      const stats = await handle.stat();
      if (!stats.isFile()) throw new Error('it is no regular file');
      return new FileSource(name, { path, handle, sizeBytes: stats.size });
    } catch (cause) {
      await handle?.close();
      const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
      throw new RigError(`Cannot read the image ${name}: ${(cause as Error).message}`, {
        code: missing ? 'flash.image-missing' : 'flash.image-unreadable',
        blame: 'config',
        hint: 'Give a path, an http or https address, or - for standard input.',
        cause,
        evidence: { path },
      });
    }
  }

  async head(_options: Cancellable): Promise<Buffer> {
    const { buffer, bytesRead } = await this.handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    return buffer.subarray(0, bytesRead);
  }

  async *chunks({ signal }: Cancellable): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      signal?.throwIfAborted();
      const { buffer, bytesRead } = await this.handle.read(
        Buffer.allocUnsafe(chunkBytes),
        0,
        chunkBytes,
        this.#consumed,
      );
      if (bytesRead === 0) return;
      this.#consumed += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  /** Another program may read through our descriptor: the kernel knows how far it came (man 5 proc, fdinfo). */
  consumedBytes(): number {
    if (this.#consumed > 0) return this.#consumed;
    const info = readFileSync(`/proc/self/fdinfo/${this.handle.fd}`, 'latin1');
    return Number(/^pos:\s*(\d+)/m.exec(info)?.[1] ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.handle.close();
  }
}
