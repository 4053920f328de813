import type { Cancellable } from '../../contracts/capabilities.js';
import type { AlignedPool } from '../aligned-pool.js';
import type { Medium } from '../medium/medium.js';
import type { FlashProgress } from '../progress.js';
import { tooLarge } from '../refusals.js';
import type { ExtentHasher } from './extents.js';
import type { Piece } from './piece.js';

/** What is compared at a time with `delta`: an erase block of a card is larger, a page of it smaller. */
const granuleBytes = 64 * 1024;

export interface WriteOptions extends Cancellable {
  readonly image: string;
  readonly medium: Medium;
  readonly hasher: ExtentHasher | undefined;
  readonly progress: FlashProgress;
  /** Where what is on the medium is read to, when only what differs shall be written. */
  readonly comparePool?: AlignedPool | undefined;
}

/**
 * Writes the pieces, several at a time, while this thread hashes them and others are read and unpacked.
 *
 * @param stop is aborted with the first write that fails, so that a source which waits for its network waits no longer
 * @throws what a write, the source or the hasher throws; every write has ended then
 */
export async function writePieces(
  pieces: AsyncIterable<Piece>,
  stop: AbortController,
  { image, medium, hasher, progress, comparePool, signal }: WriteOptions,
): Promise<void> {
  const writes = new Set<Promise<void>>();
  const start = (piece: Piece): void => {
    const write = (async (): Promise<void> => {
      try {
        const written = await put(piece, { medium, comparePool, signal });
        progress.wrote(piece.bytes.length, written);
      } catch (error) {
        stop.abort(error);
      } finally {
        piece.release();
      }
    })();
    writes.add(write);
    void write.then(() => writes.delete(write));
  };
  try {
    for await (const piece of pieces) {
      if (stop.signal.aborted || piece.offset + piece.bytes.length > medium.sizeBytes) {
        piece.release();
        stop.signal.throwIfAborted();
        throw tooLarge(image, { medium, imageBytes: undefined });
      }
      start(piece);
      hasher?.update(piece.offset, piece.bytes);
    }
  } finally {
    await Promise.all(writes);
  }
  stop.signal.throwIfAborted();
}

/** @returns how many bytes had to be written */
async function put(
  { offset, bytes }: Piece,
  { medium, comparePool, signal }: Pick<WriteOptions, 'medium' | 'comparePool' | 'signal'>,
): Promise<number> {
  if (medium.blank && isZero(bytes)) return 0;
  if (!comparePool) {
    await medium.write(offset, bytes);
    return bytes.length;
  }
  const buffer = await comparePool.take({ signal });
  try {
    const length = await medium.read(offset, buffer.bytes);
    const there = buffer.bytes.subarray(0, Math.min(length, bytes.length));
    if (Buffer.compare(there, bytes) === 0) return 0;
    let written = 0;
    for (const [from, to] of differingRuns(there, bytes)) {
      await medium.write(offset + from, bytes.subarray(from, to));
      written += to - from;
    }
    return written;
  } finally {
    buffer.release();
  }
}

/** Runs of granules in which `wanted` is not what is `there`. */
function differingRuns(there: Uint8Array, wanted: Uint8Array): [from: number, to: number][] {
  const runs: [number, number][] = [];
  for (let from = 0; from < wanted.length; from += granuleBytes) {
    const to = Math.min(from + granuleBytes, wanted.length);
    if (Buffer.compare(there.subarray(from, to), wanted.subarray(from, to)) === 0) continue;
    const last = runs.at(-1);
    if (last?.[1] === from) last[1] = to;
    else runs.push([from, to]);
  }
  return runs;
}

const zeros = new Uint8Array(granuleBytes);

function isZero(bytes: Uint8Array): boolean {
  for (let from = 0; from < bytes.length; from += zeros.length) {
    const part = bytes.subarray(from, from + zeros.length);
    if (Buffer.compare(part, zeros.subarray(0, part.length)) !== 0) return false;
  }
  return true;
}
