import { createHash, type Hash } from 'node:crypto';
import { RigError } from '../../contracts/errors.js';
import type { BlockMap, MappedRange } from '../bmap/block-map.js';
import type { ByteRange } from '../byte-range.js';

/** A range that was written, and what must be read back from it. */
export interface Extent extends ByteRange {
  readonly digest: string;
}

/** Without checksums of a map, extents end here, so that an error names a place. */
const ownExtentBytes = 16 * 1024 * 1024;

/**
 * Hashes an image's mapped bytes as they come, in order, and compares them with what its block map promises.
 */
export class ExtentHasher {
  readonly extents: Extent[] = [];
  readonly #map: BlockMap;
  readonly #image: string;
  #index = 0;
  #hash: Hash;
  #start: number | undefined;
  #end = 0;

  /** @param image its name, for errors */
  constructor(map: BlockMap, image: string) {
    this.#map = map;
    this.#image = image;
    this.#hash = createHash(map.checksumType);
  }

  /** Takes the next piece, which lies in one range of the map. @throws RigError `flash.image-differs` */
  update(offset: number, bytes: Uint8Array): void {
    this.#start ??= offset;
    this.#hash.update(bytes);
    this.#end = offset + bytes.length;
    const range = this.#map.ranges[this.#index];
    if (this.#end === range?.end) {
      this.#close(range);
      this.#index += 1;
    } else if (range?.checksum === undefined && this.#end - this.#start >= ownExtentBytes) this.#close(range);
  }

  /** After the last piece. */
  finish(): readonly Extent[] {
    this.#close(undefined);
    return this.extents;
  }

  #close(range: MappedRange | undefined): void {
    if (this.#start === undefined) return;
    const digest = this.#hash.digest('hex');
    if (range?.checksum !== undefined && range.checksum !== digest)
      throw differs(this.#image, { range, digest, type: this.#map.checksumType });
    this.extents.push({ start: this.#start, end: this.#end, digest });
    this.#hash = createHash(this.#map.checksumType);
    this.#start = undefined;
  }
}

function differs(
  image: string,
  { range, digest, type }: { range: MappedRange; digest: string; type: string },
): RigError {
  const { start, end, checksum = '' } = range;
  return new RigError(
    `The image ${image} is not the one that its block map describes: bytes ${start} to ${end} differ`,
    {
      code: 'flash.image-differs',
      blame: 'config',
      hint: 'It was damaged, or changed after the map was made: get both again, or flash without the map (--no-bmap).',
      evidence: { image, start, end, checksumType: type, expected: checksum, found: digest },
    },
  );
}
