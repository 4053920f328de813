import type { ByteRange } from '../byte-range.js';

/** Fewer bytes than asked for only at the end of the image. */
export type ReadAt = (position: number, length: number) => Promise<Buffer>;

/** What a file system says that it uses of the image; what lies between is free. */
export interface UsedSpace {
  /** Where the file system ends, which may be before its partition does. */
  readonly end: number;
  /** Sorted, without overlaps, counted from the image's beginning. */
  readonly used: readonly ByteRange[];
}
