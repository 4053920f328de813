import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import type { AlignedPool } from '../aligned-pool.js';
import type { ByteRange } from '../byte-range.js';
import type { FileSource } from '../source/file.js';
import { type Piece, pieceOf } from './piece.js';
import { readAhead } from './read-ahead.js';

const readsAtATime = 3;

/** The mapped ranges of an image that is not packed: what is not mapped is not even read. */
export function filePieces(
  source: FileSource,
  {
    ranges,
    pool,
    signal,
  }: { readonly ranges: readonly ByteRange[]; readonly pool: AlignedPool } & Cancellable,
): AsyncGenerator<Piece, void> {
  return readAhead(ranges, {
    pieceBytes: pool.bufferBytes,
    depth: readsAtATime,
    read: async ({ start, end }) => {
      const buffer = await pool.take({ signal });
      try {
        await fill(source, { bytes: buffer.bytes.subarray(0, end - start), offset: start });
        return pieceOf(buffer, { offset: start, length: end - start });
      } catch (error) {
        buffer.release();
        throw error;
      }
    },
  });
}

async function fill(
  source: FileSource,
  { bytes, offset }: { readonly bytes: Uint8Array; readonly offset: number },
): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await source.handle.read(bytes, done, bytes.length - done, offset + done);
    if (bytesRead === 0)
      throw new RigError(
        `The image ${source.name} ends at byte ${offset + done}: it became shorter while it was read`,
        {
          code: 'flash.image-truncated',
          blame: 'config',
          hint: 'Wait until whoever writes it is done.',
        },
      );
    done += bytesRead;
  }
}

export interface StreamPieces {
  readonly pieces: AsyncGenerator<Piece, void>;
  /** How long the image was; known when the pieces are at their end. */
  readonly totalBytes: () => number;
}

/** The mapped ranges of an image that comes as a stream; the rest of it is read, since the packing's own checksum is at its end. */
export function streamPieces(
  chunks: AsyncIterable<Uint8Array>,
  {
    ranges,
    pool,
    signal,
  }: { readonly ranges: readonly ByteRange[]; readonly pool: AlignedPool } & Cancellable,
): StreamPieces {
  let position = 0;
  async function* pieces(): AsyncGenerator<Piece, void> {
    let index = 0;
    let open:
      | { readonly buffer: Awaited<ReturnType<AlignedPool['take']>>; readonly offset: number }
      | undefined;
    let filled = 0;
    const complete = (): Piece => {
      const { buffer, offset } = open as NonNullable<typeof open>;
      const piece = pieceOf(buffer, { offset, length: filled });
      open = undefined;
      filled = 0;
      return piece;
    };
    try {
      for await (const chunk of chunks) {
        for (let at = 0; at < chunk.length; ) {
          const range = ranges[index];
          const skip = Math.min((range?.start ?? Number.POSITIVE_INFINITY) - position, chunk.length - at);
          if (!range || skip > 0) {
            position += skip;
            at += skip;
            continue;
          }
          open ??= { buffer: await pool.take({ signal }), offset: position };
          const room = Math.min(range.end - position, pool.bufferBytes - filled);
          const part = chunk.subarray(at, at + room);
          open.buffer.bytes.set(part, filled);
          filled += part.length;
          position += part.length;
          at += part.length;
          if (position === range.end) index += 1;
          if (position === range.end || filled === pool.bufferBytes) yield complete();
        }
      }
      if (open) yield complete();
    } finally {
      open?.buffer.release();
    }
  }
  return { pieces: pieces(), totalBytes: () => position };
}
