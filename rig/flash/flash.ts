import type { Cancellable } from '../contracts/capabilities.js';
import { AlignedPool } from './aligned-pool.js';
import { type BlockMap, mapOfAll } from './bmap/block-map.js';
import { totalBytes } from './byte-range.js';
import { mapImage } from './map/map-image.js';
import type { Medium } from './medium/medium.js';
import { FlashProgress } from './progress.js';
import { otherMap, tooLarge } from './refusals.js';
import type { FileSource } from './source/file.js';
import { packingOf } from './source/formats.js';
import type { PackedSource } from './source/packed-source.js';
import { ExtentHasher } from './transfer/extents.js';
import { imageInput, plainFile } from './transfer/image-input.js';
import { verifyExtents } from './transfer/verify.js';
import { writePieces } from './transfer/write.js';

/** What bounds the memory of a flash, whatever the image's size: 8 MiB, and 4 more where it compares. */
export const pool = { count: 8, bufferBytes: 1024 * 1024 } as const;
const comparePool = { count: 4, bufferBytes: pool.bufferBytes } as const;

export interface FlashOptions extends Cancellable {
  /** What came with the image; absent: made from the image where that can be. */
  readonly map?: BlockMap | undefined;
  /** Writes every byte of the image, whatever its file systems and holes say. */
  readonly everything?: boolean;
  /** Leaves alone what is on the medium already. */
  readonly delta?: boolean;
  /** Reads it back; default true. */
  readonly verify?: boolean;
  /** Also hashes the whole image: only one that comes as a stream, of which every byte passes anyway. */
  readonly hashWhole?: boolean;
  readonly progress?: FlashProgress;
}

export interface FlashReport {
  readonly imageBytes: number;
  /** What the map says must be there. */
  readonly mappedBytes: number;
  /** What of it had to be written. */
  readonly writtenBytes: number;
  readonly map: BlockMap['origin'];
  /** Past the page cache, after the cache was dropped, or not at all. */
  readonly verified: 'direct' | 'cache-dropped' | false;
  /** Of the whole image, where that was asked for. */
  readonly sha256?: string;
  readonly seconds: { readonly write: number; readonly sync: number; readonly verify: number };
}

/**
 * Writes an image to a medium and reads it back. It returns only when the bytes that were read back are right (unless
 * `verify` is false); after an error the medium holds half an image.
 *
 * @throws RigError whose code begins with `flash.`: blame config for the image and what does not fit, rig for the medium and the
 *   network; the signal's reason
 */
export async function flash(
  source: PackedSource,
  medium: Medium,
  options: FlashOptions = {},
): Promise<FlashReport> {
  const { signal, progress = new FlashProgress(), verify = true, delta = false } = options;
  const packing = packingOf(await source.head({ signal }), source.name);
  const map = await mapOf(plainFile(source, packing), options);
  if (map.imageBytes !== undefined && map.imageBytes > medium.sizeBytes)
    throw tooLarge(source.name, { medium, imageBytes: map.imageBytes });

  const buffers = new AlignedPool(pool);
  const stop = new AbortController();
  const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const { hashWhole = false } = options;
  const input = imageInput(source, { packing, map, pool: buffers, hashWhole, signal: either });
  const mayCompare = map.ranges.some(({ checksum }) => checksum !== undefined);
  const hasher =
    verify || mayCompare ? new ExtentHasher(map, { image: source.name, readBack: verify }) : undefined;
  const mapped = map.imageBytes === undefined ? undefined : totalBytes(map.ranges);

  progress.enter('write', {
    totalBytes: mapped,
    packedFraction: () => (source.sizeBytes ? source.consumedBytes() / source.sizeBytes : undefined),
  });
  await writePieces(input.pieces, stop, {
    image: source.name,
    medium,
    hasher,
    progress,
    comparePool: delta ? new AlignedPool(comparePool) : undefined,
    signal: either,
  });
  const image = input.end();
  if (medium.blank) await medium.setLength(image.imageBytes);
  const write = progress.enter('sync');
  await medium.sync();

  const mappedBytes = mapped ?? image.imageBytes;
  const sync = progress.enter(verify ? 'verify' : 'done', { totalBytes: mappedBytes });
  if (verify) {
    await medium.dropCache({ signal });
    await verifyExtents(medium, hasher?.finish() ?? [], {
      image: source.name,
      pool: buffers,
      checksumType: map.checksumType,
      progress,
      signal,
    });
  }
  signal?.throwIfAborted();
  medium.keep();
  return {
    ...image,
    mappedBytes,
    writtenBytes: progress.writtenBytes,
    map: map.origin,
    verified: verify && (medium.direct ? 'direct' : 'cache-dropped'),
    seconds: { write, sync, verify: verify ? progress.enter('done') : 0 },
  };
}

/** @throws RigError `flash.bmap-other-image` before anything is written, where that can be told */
export async function mapOf(
  raw: FileSource | undefined,
  { map, everything, signal }: FlashOptions,
): Promise<BlockMap> {
  const imageBytes = raw?.sizeBytes;
  if (map) {
    if (raw && map.imageBytes !== undefined && map.imageBytes !== raw.sizeBytes)
      throw otherMap(raw.name, { mapBytes: map.imageBytes, imageBytes: raw.sizeBytes });
    return map;
  }
  if (!raw || everything) return mapOfAll(imageBytes);
  return await mapImage({ path: raw.path, file: raw.handle, imageBytes: raw.sizeBytes, signal });
}
