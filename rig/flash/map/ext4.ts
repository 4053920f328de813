import { type ByteRange, joinRanges } from '../byte-range.js';
import type { ReadAt, UsedSpace } from './used-space.js';

// Numbers of the Linux kernel's Documentation/filesystems/ext4: super.rst, group_descr.rst, bitmaps.rst.
const superblockAt = 1024;
const magic = 0xef53;
const cleanlyUnmounted = 0x1;
const incompatible = { recover: 0x4, journalDevice: 0x8, metaBlockGroups: 0x10, wide: 0x80 } as const;
const bigAllocation = 0x200;
const bitmapNotWritten = 0x2;

interface Shape {
  readonly start: number;
  readonly blockSize: number;
  readonly firstBlock: number;
  readonly blocks: number;
  readonly blocksPerGroup: number;
  readonly clusterBlocks: number;
  readonly inodeTableBlocks: number;
  readonly descriptorBytes: number;
  readonly reservedDescriptorBlocks: number;
}

/**
 * What the ext2, ext3 or ext4 file system at `start` uses, by its block bitmaps.
 *
 * @returns undefined when there is none, or one whose bitmaps must not be believed: its journal has to be replayed, it was
 *   not unmounted, it is laid out in a way unknown here, or bitmap and counters of a group disagree
 */
export async function ext4UsedSpace(readAt: ReadAt, start: number): Promise<UsedSpace | undefined> {
  const shape = readShape(await readAt(start + superblockAt, 1024), start);
  if (!shape) return undefined;
  const { blockSize, firstBlock, blocks, blocksPerGroup } = shape;
  const groups = Math.ceil((blocks - firstBlock) / blocksPerGroup);
  const tableBytes = groups * shape.descriptorBytes;
  const table = await readAt(start + (firstBlock + 1) * blockSize, tableBytes);
  if (table.length < tableBytes) return undefined;
  const descriptorBlocks = Math.ceil(tableBytes / blockSize) + shape.reservedDescriptorBlocks;

  const used: ByteRange[] = [{ start, end: start + (firstBlock + 1) * blockSize }];
  const addBlocks = (first: number, count: number): void => {
    used.push({ start: start + first * blockSize, end: start + Math.min(first + count, blocks) * blockSize });
  };
  for (let group = 0; group < groups; group += 1) {
    const descriptor = readDescriptor(
      table.subarray(group * shape.descriptorBytes, (group + 1) * shape.descriptorBytes),
    );
    const first = firstBlock + group * blocksPerGroup;
    const count = Math.min(blocksPerGroup, blocks - first);
    if (Math.max(descriptor.blockBitmap, descriptor.inodeBitmap, descriptor.inodeTable) >= blocks)
      return undefined;
    addBlocks(descriptor.blockBitmap, 1);
    addBlocks(descriptor.inodeBitmap, 1);
    addBlocks(descriptor.inodeTable, shape.inodeTableBlocks);
    if (descriptor.flags & bitmapNotWritten) {
      // Free but for what the layout puts there; a copy of the superblock is assumed in each.
      addBlocks(first, 1 + descriptorBlocks);
      continue;
    }
    const bitmap = await readAt(start + descriptor.blockBitmap * blockSize, blockSize);
    const clusters = Math.ceil(count / shape.clusterBlocks);
    const runs = usedRuns(bitmap, clusters);
    const free = clusters - runs.reduce((sum, [from, to]) => sum + to - from, 0);
    if (bitmap.length < blockSize || free !== descriptor.freeClusters) return undefined;
    for (const [from, to] of runs)
      addBlocks(first + from * shape.clusterBlocks, (to - from) * shape.clusterBlocks);
  }
  return { end: start + blocks * blockSize, used: joinRanges(used) };
}

function readShape(block: Buffer, start: number): Shape | undefined {
  if (block.length < 1024 || block.readUInt16LE(56) !== magic) return undefined;
  const incompat = block.readUInt32LE(96);
  const { recover, journalDevice, metaBlockGroups, wide } = incompatible;
  if (incompat & (recover | journalDevice | metaBlockGroups)) return undefined;
  if ((block.readUInt16LE(58) & cleanlyUnmounted) === 0) return undefined;
  const [logBlock, logCluster] = [block.readUInt32LE(24), block.readUInt32LE(28)];
  if (logBlock > 6 || logCluster > 20) return undefined;
  const blockSize = 1024 << logBlock;
  const isWide = (incompat & wide) !== 0;
  const descriptorBytes = isWide ? block.readUInt16LE(254) : 32;
  const shape = {
    start,
    blockSize,
    firstBlock: block.readUInt32LE(20),
    blocks: block.readUInt32LE(4) + (isWide ? block.readUInt32LE(336) * 2 ** 32 : 0),
    blocksPerGroup: block.readUInt32LE(32),
    clusterBlocks: block.readUInt32LE(100) & bigAllocation ? 2 ** (logCluster - logBlock) : 1,
    inodeTableBlocks: Math.ceil((block.readUInt32LE(40) * block.readUInt16LE(88)) / blockSize),
    descriptorBytes,
    reservedDescriptorBlocks: block.readUInt16LE(206),
  };
  const sound =
    shape.blocksPerGroup > 0 &&
    shape.clusterBlocks >= 1 &&
    shape.blocksPerGroup <= 8 * blockSize * shape.clusterBlocks &&
    shape.firstBlock === (blockSize === 1024 && shape.clusterBlocks === 1 ? 1 : 0) &&
    shape.blocks > shape.firstBlock &&
    // One TiB of the smallest blocks; what claims more is damaged.
    shape.blocks <= 2 ** 32 &&
    [32, 64].includes(descriptorBytes);
  return sound ? shape : undefined;
}

function readDescriptor(bytes: Buffer) {
  const wide = bytes.length >= 64;
  const block = (low: number, high: number): number =>
    bytes.readUInt32LE(low) + (wide ? bytes.readUInt32LE(high) * 2 ** 32 : 0);
  return {
    blockBitmap: block(0, 32),
    inodeBitmap: block(4, 36),
    inodeTable: block(8, 40),
    freeClusters: bytes.readUInt16LE(12) + (wide ? bytes.readUInt16LE(44) * 2 ** 16 : 0),
    flags: bytes.readUInt16LE(18),
  };
}

/** Runs of set bits among the first `count`, each from a number up to another that is not in it. */
function usedRuns(bitmap: Buffer, count: number): [number, number][] {
  const runs: [number, number][] = [];
  let began = -1;
  for (let index = 0; index < count; index += 1) {
    const byte = bitmap[index >> 3] ?? 0xff;
    // Eight at a time where nothing changes.
    if (
      (index & 7) === 0 &&
      index + 8 <= count &&
      ((byte === 0 && began < 0) || (byte === 0xff && began >= 0))
    ) {
      index += 7;
      continue;
    }
    const set = (byte & (1 << (index & 7))) !== 0;
    if (set && began < 0) began = index;
    else if (!set && began >= 0) {
      runs.push([began, index]);
      began = -1;
    }
  }
  if (began >= 0) runs.push([began, count]);
  return runs;
}
