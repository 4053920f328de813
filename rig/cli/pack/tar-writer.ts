import { open } from 'node:fs/promises';
import { Header, Pax } from 'tar';
import { RigError } from '../../contracts/errors.js';

const blockBytes = 512;
const chunkBytes = 1024 * 1024;

export interface TarEntry {
  /** Relative, with slashes. */
  readonly path: string;
  readonly from: { readonly file: string; readonly sizeBytes: number } | { readonly bytes: Uint8Array };
  readonly modified: Date;
}

/** The bytes of a tar archive (POSIX.1-2001, pax) of plain files. @throws RigError `pack.changed` */
export async function* tarBytes(entries: Iterable<TarEntry>): AsyncGenerator<Buffer> {
  for (const { path, from, modified } of entries) {
    const size = 'bytes' in from ? from.bytes.length : from.sizeBytes;
    const facts = { path, mode: 0o600, uid: 0, gid: 0, size, mtime: modified, type: 'File' as const };
    const header = new Header(facts);
    // A name or a size that the old header has no room for goes into one of its own before it.
    if (header.encode()) yield new Pax({ path, size }).encode();
    yield header.block ?? Buffer.alloc(blockBytes);
    if ('bytes' in from) yield Buffer.from(from.bytes);
    else yield* fileBytes(from.file, size);
    const beyond = size % blockBytes;
    if (beyond > 0) yield Buffer.alloc(blockBytes - beyond);
  }
  yield Buffer.alloc(2 * blockBytes);
}

/** Exactly as many bytes as the header has promised. */
async function* fileBytes(path: string, sizeBytes: number): AsyncGenerator<Buffer> {
  await using file = await open(path, 'r');
  for (let done = 0; done < sizeBytes; ) {
    const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, sizeBytes - done));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, done);
    if (bytesRead === 0) {
      throw new RigError(`Cannot pack ${path}: it became shorter meanwhile`, {
        code: 'pack.changed',
        blame: 'rig',
        hint: 'Pack the run when nobody writes to it.',
      });
    }
    done += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
