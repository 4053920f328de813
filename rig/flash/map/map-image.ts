import type { FileHandle } from 'node:fs/promises';
import type { Cancellable } from '../../contracts/capabilities.js';
import { type Partition, readPartitionTable } from '../../image/partition-table.js';
import { type BlockMap, mapOfAll } from '../bmap/block-map.js';
import {
  alignOutward,
  type ByteRange,
  gapsBetween,
  intersectRanges,
  joinRanges,
  totalBytes,
} from '../byte-range.js';
import { dataRanges } from './data-ranges.js';
import { ext4UsedSpace } from './ext4.js';
import { fatUsedSpace } from './fat.js';
import type { ReadAt, UsedSpace } from './used-space.js';

export interface MapImageOptions extends Cancellable {
  readonly path: string;
  readonly file: FileHandle;
  readonly imageBytes: number;
}

/**
 * A block map of a raw image that came without one.
 *
 * A hole in an image's file reads as zeros, and zeros may be what a file system counts on (an inode table, a block of
 * a file that `cp --sparse` made a hole): it is left out only where the file system itself calls the place free, or where no partition
 * lies. So: in an ext4 or FAT its own bitmap or table decides; a partition with anything else is written whole;
 * outside the partitions, and in an image without any, what is no hole.
 */
export async function mapImage(options: MapImageOptions): Promise<BlockMap> {
  const { file, imageBytes } = options;
  const readAt: ReadAt = async (position, length) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  };
  const data = (await dataRanges(options.path, options)) ?? [{ start: 0, end: imageBytes }];
  const table = await readPartitionTable(file, imageBytes);
  const areas = table ? soundAreas(table.partitions, imageBytes) : [{ start: 0, end: imageBytes }];
  if (!areas) return mapOfAll(imageBytes);
  const needed: ByteRange[] = [];
  const decided: ByteRange[] = [];
  let filesystems = 0;
  for (const area of areas) {
    const space = await usedSpace(readAt, area);
    if (space) {
      filesystems += 1;
      needed.push(...space.used);
      decided.push({ start: area.start, end: space.end });
    } else if (table) {
      needed.push(area);
      decided.push(area);
    }
  }
  const outside = gapsBetween(joinRanges(decided), { start: 0, end: imageBytes });
  const ranges = alignOutward([...needed, ...intersectRanges(data, outside)], imageBytes);
  const origin = filesystems > 0 ? 'filesystems' : totalBytes(ranges) < imageBytes ? 'holes' : 'all';
  return { origin, imageBytes, checksumType: 'sha256', ranges };
}

/** @returns undefined when they overlap or leave the image: then nothing of the table is to be believed */
function soundAreas(partitions: readonly Partition[], imageBytes: number): ByteRange[] | undefined {
  const areas = partitions
    .map(({ startBytes, sizeBytes }) => ({ start: startBytes, end: startBytes + sizeBytes }))
    .sort((a, b) => a.start - b.start);
  const sound = areas.every(
    ({ start, end }, i) => start > 0 && end > start && end <= (areas[i + 1]?.start ?? imageBytes),
  );
  return sound ? areas : undefined;
}

async function usedSpace(readAt: ReadAt, area: ByteRange): Promise<UsedSpace | undefined> {
  const space = (await ext4UsedSpace(readAt, area.start)) ?? (await fatUsedSpace(readAt, area.start));
  // One that claims more than its partition has is not to be believed.
  return space && space.end <= area.end ? space : undefined;
}
