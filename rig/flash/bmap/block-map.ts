import type { ByteRange } from '../byte-range.js';

export type ChecksumType = 'sha1' | 'sha256' | 'sha512' | 'md5';

/** A range that must be written. */
export interface MappedRange extends ByteRange {
  /** Of the image's bytes there, in hexadecimal; a map made here has none. */
  readonly checksum?: string;
}

/** What of an image must be on the medium. Everything else may stay as it is there. */
export interface BlockMap {
  /** What says so: a .bmap file, the image's file systems, the holes of its file; or nothing does, and all is written. */
  readonly origin: 'bmap' | 'filesystems' | 'holes' | 'all';
  /** Absent for a stream whose length nobody told. */
  readonly imageBytes?: number;
  readonly checksumType: ChecksumType;
  /** Sorted, without overlaps; the last one of a stream may end at infinity. */
  readonly ranges: readonly MappedRange[];
}

/** Every byte of an image. */
export function mapOfAll(imageBytes: number | undefined): BlockMap {
  return {
    origin: 'all',
    checksumType: 'sha256',
    ranges: [{ start: 0, end: imageBytes ?? Number.POSITIVE_INFINITY }],
    ...(imageBytes === undefined ? {} : { imageBytes }),
  };
}
