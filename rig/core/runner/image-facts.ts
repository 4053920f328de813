import type { Image } from '../../contracts/board.js';
import type { ImageFacts } from '../../contracts/events.js';

/** What the event log keeps of an image. */
export function imageFacts({ path, sha256, sizeBytes, arch, version, variant }: Image): ImageFacts {
  return {
    path,
    sha256,
    sizeBytes,
    ...(arch === undefined ? {} : { arch }),
    ...(version === undefined ? {} : { version }),
    ...(variant === undefined ? {} : { variant }),
  };
}
