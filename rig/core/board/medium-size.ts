import type { BoardType, Image } from '../../contracts/board.js';

/**
 * Size of the medium that a board of this type gets with `image` on it: what the type names, doubled (as the sizes of
 * cards are) until the image fits with something left to grow into; the image's own size where the type names none.
 */
export function mediumBytesFor({ machine }: BoardType, image: Image): number {
  let bytes = (machine?.mediumMiB ?? 0) * 1024 * 1024;
  if (bytes === 0) return image.sizeBytes;
  while (bytes < image.sizeBytes) bytes *= 2;
  return bytes;
}
