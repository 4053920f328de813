import type { AlignedBuffer } from '../aligned-pool.js';

/** Some consecutive bytes of an image, in a buffer of the pool until it is released. */
export interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
  release(): void;
}

export function pieceOf(
  buffer: AlignedBuffer,
  { offset, length }: { readonly offset: number; readonly length: number },
): Piece {
  return { offset, bytes: buffer.bytes.subarray(0, length), release: () => buffer.release() };
}
