import { createHash, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { RigError } from '../../contracts/errors.js';
import type { BlockMap, MappedRange } from '../bmap/block-map.js';
import type { ByteRange } from '../byte-range.js';

/** A range that was written, and what must be read back from it. */
export interface Extent extends ByteRange {
  readonly digest: string;
  /** CRC-32 of what was written, where `digest` is the map's word and nobody has compared the image with it. */
  readonly writtenCrc?: number;
}

/** Without checksums of a map, extents end here, so that an error names a place. */
const ownExtentBytes = 16 * 1024 * 1024;

/**
 * Hashes an image's mapped bytes as they come, in order, and compares them with what its block map promises.
 *
 * With `readBack` the map's checksums are only compared with what the medium gives back, which judges image and medium at
 * once; of the image itself it takes a CRC, a third of the work, which tells the two apart when they differ.
 */
export class ExtentHasher {
  readonly extents: Extent[] = [];
  readonly #map: BlockMap;
  readonly #image: string;
  readonly #readBack: boolean;
  #index = 0;
  #hash: Hash;
  #crc = 0;
  #start: number | undefined;
  #end = 0;

  /** @param image its name, for errors */
  constructor(map: BlockMap, { image, readBack }: { readonly image: string; readonly readBack: boolean }) {
    this.#map = map;
    this.#image = image;
    this.#readBack = readBack;
    this.#hash = createHash(map.checksumType);
  }

  /** Takes the next piece, which lies in one range of the map. @throws RigError `flash.image-differs` */
  update(offset: number, bytes: Uint8Array): void {
    this.#start ??= offset;
    const range = this.#map.ranges[this.#index];
    if (this.#readBack && range?.checksum !== undefined) this.#crc = crc32(bytes, this.#crc);
    else this.#hash.update(bytes);
    this.#end = offset + bytes.length;
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
    const place = { start: this.#start, end: this.#end };
    this.#start = undefined;
    if (this.#readBack && range?.checksum !== undefined) {
      this.extents.push({ ...place, digest: range.checksum, writtenCrc: this.#crc });
      this.#crc = 0;
      return;
    }
    const digest = this.#hash.digest('hex');
    this.#hash = createHash(this.#map.checksumType);
    if (range?.checksum !== undefined && range.checksum !== digest)
      throw imageDiffers(this.#image, {
        extent: { ...place, digest: range.checksum },
        found: digest,
        checksumType: this.#map.checksumType,
      });
    this.extents.push({ ...place, digest });
  }
}

/** The block map promised other bytes than the image has. */
export function imageDiffers(
  image: string,
  { extent, found, checksumType }: { extent: Extent; found: string; checksumType: string },
): RigError {
  const { start, end, digest } = extent;
  return new RigError(
    `The image ${image} is not the one that its block map describes: bytes ${start} to ${end} differ`,
    {
      code: 'flash.image-differs',
      blame: 'config',
      hint: 'It was damaged, or changed after the map was made: get both again, or flash without the map (--no-bmap).',
      evidence: { image, start, end, checksumType, expected: digest, found },
    },
  );
}
