import { readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { sectorBytes, type ViewExtents, viewSource } from '../../rig/contracts/powercut.js';
import type { ReadAt } from '../../rig/image/partition-table.js';
import { DisposalStack } from '../../rig/lifetime/disposal-stack.js';

/** What is read without leaving the thread. */
const syncBytes = 128 * 1024;

export interface ViewFilesOptions {
  /** Raw; zeros follow behind its end. */
  readonly base: string;
  readonly logs: readonly string[];
  /** Of the medium; at least the base's. */
  readonly sizeBytes: number;
}

/** The files that all views of one log read from. Nothing is ever written to them. */
export class ViewFiles implements AsyncDisposable {
  readonly sizeBytes: number;
  readonly #base: FileHandle;
  readonly #logs: readonly FileHandle[];
  readonly #end: DisposalStack;

  private constructor(parts: {
    sizeBytes: number;
    base: FileHandle;
    logs: readonly FileHandle[];
    end: DisposalStack;
  }) {
    this.sizeBytes = parts.sizeBytes;
    this.#base = parts.base;
    this.#logs = parts.logs;
    this.#end = parts.end;
  }

  static async open({ base, logs, sizeBytes }: ViewFilesOptions): Promise<ViewFiles> {
    await using stack = new DisposalStack();
    const take = async (path: string): Promise<FileHandle> => {
      const handle = await open(path, 'r');
      stack.defer(() => handle.close());
      return handle;
    };
    const baseHandle = await take(base);
    const handles: FileHandle[] = [];
    for (const path of logs) handles.push(await take(path));
    return new ViewFiles({ sizeBytes, base: baseHandle, logs: handles, end: stack.move() });
  }

  /** Bytes of the base alone. */
  async readBase(sector: number, sectors: number): Promise<Buffer> {
    const bytes = Buffer.alloc(sectors * sectorBytes);
    await readInto(this.#base, bytes, sector * sectorBytes);
    return bytes;
  }

  /** Bytes of a log, from where an entry says that they are. */
  async readLog({ file, offset }: { file: number; offset: number }, length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(length);
    const handle = this.#logs[file];
    if (handle) await readInto(handle, bytes, offset);
    return bytes;
  }

  /** Reads sectors as the view `extents` has them, into `target`, which is all zeros before. */
  async read(
    extents: ViewExtents,
    { sector, target }: { readonly sector: number; readonly target: Buffer },
  ): Promise<void> {
    const end = sector + target.length / sectorBytes;
    const part = (from: number, to: number): Buffer =>
      target.subarray((from - sector) * sectorBytes, (to - sector) * sectorBytes);
    let at = sector;
    for (let index = firstEndingAfter(extents, sector); at < end; index += 1) {
      const start = index < extents.count ? (extents.sector[index] ?? end) : end;
      if (at < start) {
        const to = Math.min(start, end);
        await readInto(this.#base, part(at, to), at * sectorBytes);
        at = to;
      }
      if (at >= end) return;
      const to = Math.min(end, start + (extents.sectors[index] ?? 0));
      const source = extents.source[index];
      if (source === viewSource.erased) part(at, to).fill(0xff);
      else if (source === viewSource.log) {
        const handle = this.#logs[extents.file[index] ?? 0];
        const offset = (extents.offset[index] ?? 0) + (at - start) * sectorBytes;
        if (handle) await readInto(handle, part(at, to), offset);
      }
      at = to;
    }
  }

  /** Reads any bytes of a view, as what looks at partition tables and file systems wants them. */
  readerOf(extents: ViewExtents): ReadAt {
    return async (position, length) => {
      const end = Math.min(position + length, this.sizeBytes);
      if (position < 0 || position >= end) return Buffer.alloc(0);
      const sector = Math.floor(position / sectorBytes);
      const target = Buffer.alloc((Math.ceil(end / sectorBytes) - sector) * sectorBytes);
      await this.read(extents, { sector, target });
      return target.subarray(position - sector * sectorBytes, end - sector * sectorBytes);
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end[Symbol.asyncDispose]();
  }
}

/** What lies behind the end of the file stays as it was in `target`. */
async function readInto(handle: FileHandle, target: Buffer, position: number): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const left = target.length - done;
    // Mostly from the page cache: the way through Node's threads and back takes twice the CPU of a small read.
    const bytesRead =
      left <= syncBytes
        ? readSync(handle.fd, target, done, left, position + done)
        : (await handle.read(target, done, left, position + done)).bytesRead;
    if (bytesRead === 0) return;
    done += bytesRead;
  }
}

function firstEndingAfter({ count, sector: starts, sectors }: ViewExtents, sector: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) + (sectors[middle] ?? 0) > sector) high = middle;
    else low = middle + 1;
  }
  return low;
}
