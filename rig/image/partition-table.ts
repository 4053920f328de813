import type { FileHandle } from 'node:fs/promises';
import { isFatBootSector } from './fat-boot-sector.js';
import { readBackupGpt, readGpt, sectorBytes } from './gpt.js';

export interface Partition {
  /** From 1, as the kernel counts: logical partitions of an MBR from 5. */
  readonly number: number;
  /** Its name in a GPT; an MBR has none. */
  readonly name: string;
  /** A GPT's type GUID, or an MBR's type as two hexadecimal digits. */
  readonly type: string;
  readonly startBytes: number;
  readonly sizeBytes: number;
}

export interface PartitionTable {
  readonly scheme: 'gpt' | 'mbr';
  /** The GPT's disk GUID, or the MBR's disk signature. */
  readonly diskId: string;
  /** The front of the GPT is damaged, and this is its copy at the end. */
  readonly fromBackup: boolean;
  readonly partitions: readonly Partition[];
}

const frontBytes = 64 * 1024;
const gptMbrType = 0xee;
const extendedTypes: ReadonlySet<number> = new Set([0x05, 0x0f, 0x85]);
/** An extended partition is a chain on the disk, which a hostile one closes to a ring. */
const maxLogical = 64;

/** Fewer bytes than asked for only at the end of the disk. */
export type ReadAt = (position: number, length: number) => Promise<Buffer>;

/** The partition table of a raw disk; undefined when there is none that can be read. Nothing in it is checked against the disk. */
export async function readPartitionTable(
  disk: FileHandle,
  sizeBytes: number,
): Promise<PartitionTable | undefined> {
  const read: ReadAt = async (position, length) => {
    const { buffer, bytesRead } = await disk.read(Buffer.alloc(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  };
  return partitionTableOf(read, sizeBytes);
}

/** The same of a disk that is no file. */
export async function partitionTableOf(read: ReadAt, sizeBytes: number): Promise<PartitionTable | undefined> {
  const front = await read(0, frontBytes);
  if (front.length < sectorBytes || front.readUInt16LE(510) !== 0xaa55) return undefined;
  const entries = mbrEntries(front);
  if (!entries.some(({ type }) => type === gptMbrType)) return await readMbr(front, entries, read);
  const gpt = readGpt(front);
  const found = gpt ?? readBackupGpt(await read(Math.max(0, sizeBytes - frontBytes), frontBytes));
  if (!found) return undefined;
  return {
    scheme: 'gpt',
    diskId: found.diskGuid,
    fromBackup: gpt === undefined,
    partitions: found.partitions.map(({ number, name, typeGuid, startBytes, sizeBytes }) => ({
      number,
      name,
      type: typeGuid,
      startBytes,
      sizeBytes,
    })),
  };
}

interface MbrEntry {
  readonly slot: number;
  readonly type: number;
  readonly startSector: number;
  readonly sectors: number;
}

/** The four entries of a boot record, those in use. A file system's boot sector has the same signature and no such entries. */
function mbrEntries(sector: Buffer): MbrEntry[] {
  return [0, 1, 2, 3]
    .map((slot) => {
      const at = 446 + slot * 16;
      return {
        slot,
        status: sector.readUInt8(at),
        type: sector.readUInt8(at + 4),
        startSector: sector.readUInt32LE(at + 8),
        sectors: sector.readUInt32LE(at + 12),
      };
    })
    .filter(({ status, type, sectors }) => (status === 0 || status === 0x80) && type !== 0 && sectors > 0);
}

async function readMbr(
  front: Buffer,
  entries: readonly MbrEntry[],
  read: ReadAt,
): Promise<PartitionTable | undefined> {
  if (entries.length === 0 || isFatBootSector(front)) return undefined;
  const partitions: Partition[] = [];
  for (const entry of entries) {
    if (extendedTypes.has(entry.type)) partitions.push(...(await logicalPartitions(entry.startSector, read)));
    else partitions.push(partitionOf(entry, { number: entry.slot + 1, base: 0 }));
  }
  const diskId = front.readUInt32LE(440).toString(16).padStart(8, '0');
  return { scheme: 'mbr', diskId, fromBackup: false, partitions };
}

/** Each link of the chain names one partition, counted from itself, and the next link, counted from the first. */
async function logicalPartitions(extendedStart: number, read: ReadAt): Promise<Partition[]> {
  const found: Partition[] = [];
  for (let link = extendedStart; found.length < maxLogical; ) {
    const sector = await read(link * sectorBytes, sectorBytes);
    if (sector.length < sectorBytes || sector.readUInt16LE(510) !== 0xaa55) return found;
    const entries = mbrEntries(sector);
    const own = entries.find(({ type }) => !extendedTypes.has(type));
    if (own) found.push(partitionOf(own, { number: 5 + found.length, base: link }));
    const next = entries.find(({ type }) => extendedTypes.has(type));
    // Links are in rising order on every disk that a tool made; a ring is not.
    if (!next || extendedStart + next.startSector <= link) return found;
    link = extendedStart + next.startSector;
  }
  return found;
}

function partitionOf(entry: MbrEntry, { number, base }: { number: number; base: number }): Partition {
  return {
    number,
    name: '',
    type: entry.type.toString(16).padStart(2, '0'),
    startBytes: (base + entry.startSector) * sectorBytes,
    sizeBytes: entry.sectors * sectorBytes,
  };
}
