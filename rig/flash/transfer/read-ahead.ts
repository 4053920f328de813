import type { ByteRange } from '../byte-range.js';
import type { Piece } from './piece.js';

/**
 * The ranges in pieces of at most `pieceBytes`, in order, some of them being read while others are worked on. However the reader of
 * the pieces ends, every read has ended then and what nobody took is released.
 */
export async function* readAhead(
  ranges: Iterable<ByteRange>,
  {
    pieceBytes,
    depth,
    read,
  }: {
    readonly pieceBytes: number;
    /** Reads at a time. */
    readonly depth: number;
    readonly read: (range: ByteRange) => Promise<Piece>;
  },
): AsyncGenerator<Piece, void> {
  const reading: Promise<Piece>[] = [];
  try {
    for (const range of cut(ranges, pieceBytes)) {
      const piece = read(range);
      // It is awaited in its turn; until then a failure must not count as unhandled.
      piece.catch(() => {});
      reading.push(piece);
      if (reading.length >= depth) yield await (reading.shift() as Promise<Piece>);
    }
    while (reading.length > 0) yield await (reading.shift() as Promise<Piece>);
  } finally {
    for (const left of await Promise.allSettled(reading))
      if (left.status === 'fulfilled') left.value.release();
  }
}

function* cut(ranges: Iterable<ByteRange>, pieceBytes: number): Generator<ByteRange> {
  for (const { start, end } of ranges)
    for (let at = start; at < end; at += pieceBytes) yield { start: at, end: Math.min(at + pieceBytes, end) };
}
