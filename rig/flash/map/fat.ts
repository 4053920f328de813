import { isFatBootSector } from '../../image/fat-boot-sector.js';
import { type ByteRange, joinRanges } from '../byte-range.js';
import type { ReadAt, UsedSpace } from './used-space.js';

/** The table is read in pieces: on a large card it has tens of megabytes. A multiple of three, so that FAT12 never splits a pair. */
const pieceBytes = 3 * 256 * 1024;
/** A FAT32 has at most 2^28 clusters of four bytes each. */
const maxTableBytes = 2 ** 30;

/**
 * What the FAT12, FAT16 or FAT32 file system at `start` uses, by its table (Microsoft, FAT: General Overview of On-Disk
 * Format, 1.03).
 *
 * @returns undefined when there is none, or its numbers cannot be true
 */
export async function fatUsedSpace(readAt: ReadAt, start: number): Promise<UsedSpace | undefined> {
  const boot = await readAt(start, 512);
  if (boot.length < 512 || boot.readUInt16LE(510) !== 0xaa55 || !isFatBootSector(boot)) return undefined;
  const sectorBytes = boot.readUInt16LE(11);
  const clusterBytes = boot.readUInt8(13) * sectorBytes;
  const tableStart = boot.readUInt16LE(14) * sectorBytes;
  const tableBytes = (boot.readUInt16LE(22) || boot.readUInt32LE(36)) * sectorBytes;
  const rootBytes = Math.ceil((boot.readUInt16LE(17) * 32) / (sectorBytes || 1)) * sectorBytes;
  const clustersStart = tableStart + boot.readUInt8(16) * tableBytes + rootBytes;
  const endBytes = (boot.readUInt16LE(19) || boot.readUInt32LE(32)) * sectorBytes;
  if (![512, 1024, 2048, 4096].includes(sectorBytes) || clusterBytes === 0) return undefined;
  if (tableStart === 0 || tableBytes === 0 || tableBytes > maxTableBytes || clustersStart >= endBytes)
    return undefined;

  const clusters = Math.floor((endBytes - clustersStart) / clusterBytes);
  const entryBits = clusters < 4085 ? 12 : clusters < 65525 ? 16 : 32;
  // Microsoft goes by the number of clusters, Linux by where the table's size stands. Where they disagree, nobody knows.
  if ((entryBits === 32) !== (boot.readUInt16LE(22) === 0)) return undefined;
  if (Math.ceil(((clusters + 2) * entryBits) / 8) > tableBytes) return undefined;
  const used: ByteRange[] = [
    { start, end: start + clustersStart },
    // What is left behind the last whole cluster belongs to nobody, and is a few sectors.
    { start: start + clustersStart + clusters * clusterBytes, end: start + endBytes },
  ];
  const entriesPerPiece = (pieceBytes * 8) / entryBits;
  for (let first = 0; first < clusters + 2; first += entriesPerPiece) {
    const count = Math.min(entriesPerPiece, clusters + 2 - first);
    const bytes = Math.ceil((count * entryBits) / 8);
    const piece = await readAt(start + tableStart + (first * entryBits) / 8, bytes);
    if (piece.length < bytes) return undefined;
    for (let index = Math.max(0, 2 - first); index < count; index += 1) {
      if (isFree(piece, { index, entryBits })) continue;
      const at = start + clustersStart + (first + index - 2) * clusterBytes;
      const last = used.at(-1) as { start: number; end: number };
      if (last.end === at) used[used.length - 1] = { start: last.start, end: at + clusterBytes };
      else used.push({ start: at, end: at + clusterBytes });
    }
  }
  return { end: start + endBytes, used: joinRanges(used) };
}

function isFree(table: Buffer, { index, entryBits }: { index: number; entryBits: number }): boolean {
  if (entryBits === 16) return table.readUInt16LE(index * 2) === 0;
  // The upper four bits are reserved, and kept by those who write.
  if (entryBits === 32) return (table.readUInt32LE(index * 4) & 0x0fffffff) === 0;
  const at = Math.floor(index * 1.5);
  const low = table[at] ?? 0;
  const high = table[at + 1] ?? 0;
  return index % 2 === 0 ? low === 0 && (high & 0x0f) === 0 : (low & 0xf0) === 0 && high === 0;
}
