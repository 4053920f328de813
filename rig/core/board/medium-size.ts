import type { BoardType, Image } from '../../contracts/board.js';

/** Size of the medium that a board of this type gets with `image` on it: what the type names, where the image is not larger. */
export function mediumBytesFor({ machine }: BoardType, image: Image): number {
  return Math.max((machine?.mediumMiB ?? 0) * 1024 * 1024, image.sizeBytes);
}
