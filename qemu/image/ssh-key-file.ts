import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The private key of a built image: beside one that was copied out of the cache, else the one of the cache that it lies in. */
export function keyFileOf(image: string): string | undefined {
  const places = [image.replace(/\.img$/, '.key'), join(dirname(image), '..', '..', 'keys', 'id_ed25519')];
  return places.find((place) => existsSync(place));
}
