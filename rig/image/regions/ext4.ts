import { type Region, type RegionKind, sectorBytes } from '../../contracts/powercut.js';
import type { ReadAt } from '../partition-table.js';

// Numbers of the Linux kernel's Documentation/filesystems/ext4: super.rst, group_descr.rst, inode.rst, ifork.rst.
const superblockAt = 1024;
const magic = 0xef53;
const extentMagic = 0xf30a;
const wide = 0x80;
/** A file system of 16 TiB; more groups are a damaged superblock. */
const maxGroups = 131_072;

interface Shape {
  readonly blockSize: number;
  readonly firstBlock: number;
  readonly blocks: number;
  readonly blocksPerGroup: number;
  readonly inodeTableBlocks: number;
  readonly descriptorBytes: number;
}

export interface Place {
  /** First sector of the partition on the disk. */
  readonly start: number;
  readonly partition: string;
}

/** Superblock, journal and tables of an ext2, ext3 or ext4; nothing for what is none. */
export async function ext4Regions(read: ReadAt, { start, partition }: Place): Promise<Region[]> {
  const block = await read(superblockAt, 1024);
  const shape = readShape(block);
  if (!shape) return [];
  const perBlock = shape.blockSize / sectorBytes;
  const region = (kind: RegionKind, first: number, count: number, what: string): Region => ({
    kind,
    sector: start + first * perBlock,
    sectors: count * perBlock,
    what: `${partition}: ${what}`,
    partition,
  });
  const head: Region = {
    kind: 'superblock',
    sector: start,
    sectors: (superblockAt + 1024) / sectorBytes,
    what: `${partition}: superblock`,
    partition,
  };
  const groups = Math.ceil((shape.blocks - shape.firstBlock) / shape.blocksPerGroup);
  if (groups > maxGroups) return [head];
  const descriptors = await read((shape.firstBlock + 1) * shape.blockSize, groups * shape.descriptorBytes);
  const descriptorBlocks = Math.ceil((groups * shape.descriptorBytes) / shape.blockSize);
  const journal = journalExtents(block).map(({ first, count }) => region('journal', first, count, 'journal'));
  const tables: Region[] = [region('metadata', shape.firstBlock + 1, descriptorBlocks, 'group descriptors')];
  for (let group = 0; group < groups; group += 1) {
    const at = group * shape.descriptorBytes;
    if (at + 32 > descriptors.length) break;
    const isWide = shape.descriptorBytes >= 64;
    const found = (low: number, high: number): number =>
      descriptors.readUInt32LE(at + low) + (isWide ? descriptors.readUInt32LE(at + high) * 2 ** 32 : 0);
    tables.push(
      region('metadata', found(0, 32), 1, 'block bitmap'),
      region('metadata', found(4, 36), 1, 'inode bitmap'),
      region('metadata', found(8, 40), shape.inodeTableBlocks, 'inode table'),
    );
  }
  const isInside = ({ sector, sectors }: Region): boolean =>
    sector + sectors <= start + shape.blocks * perBlock;
  return [head, ...journal.filter(isInside), ...tables.filter(isInside)];
}

function readShape(block: Buffer): Shape | undefined {
  if (block.length < 1024 || block.readUInt16LE(56) !== magic) return undefined;
  const isWide = (block.readUInt32LE(96) & wide) !== 0;
  const logBlock = block.readUInt32LE(24);
  if (logBlock > 6) return undefined;
  const blockSize = 1024 << logBlock;
  const shape = {
    blockSize,
    firstBlock: block.readUInt32LE(20),
    blocks: block.readUInt32LE(4) + (isWide ? block.readUInt32LE(336) * 2 ** 32 : 0),
    blocksPerGroup: block.readUInt32LE(32),
    inodeTableBlocks: Math.ceil((block.readUInt32LE(40) * block.readUInt16LE(88)) / blockSize),
    descriptorBytes: isWide ? block.readUInt16LE(254) : 32,
  };
  const sound = shape.blocksPerGroup > 0 && shape.blocks > shape.firstBlock && shape.descriptorBytes >= 32;
  return sound ? shape : undefined;
}

/** The superblock keeps a copy of the journal's inode: its extents, where they need no tree. */
function journalExtents(block: Buffer): { readonly first: number; readonly count: number }[] {
  const [type, at] = [block.readUInt8(253), 268];
  if (type !== 1 || block.readUInt16LE(at) !== extentMagic || block.readUInt16LE(at + 6) !== 0) return [];
  const entries = Math.min(block.readUInt16LE(at + 2), 4);
  return Array.from({ length: entries }, (_, index) => {
    const entry = at + 12 + index * 12;
    const first = block.readUInt32LE(entry + 8) + block.readUInt16LE(entry + 6) * 2 ** 32;
    return { first, count: block.readUInt16LE(entry + 4) };
  });
}
