import { crc32 } from 'node:zlib';
import { type GptPartition, sectorBytes } from '../../rig/image/gpt.js';

/** Where the first partition begins; what lies below is free for a bootloader's raw sectors. */
export const firstPartitionBytes = 4 * 1024 * 1024;

/** UEFI asks for room for 128; fewer are read by all who follow the header. */
const mostEntries = 128;
const entryBytes = 128;
const reservedSectors = (mostEntries * entryBytes) / sectorBytes;

export const partitionTypes = {
  efiSystem: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
  linux: '0fc63daf-8483-4772-8e79-3d69d8477de4',
} as const;

/** The bytes at both ends of a disk: protective MBR, header and table in front, table and header behind. */
export function writeGpt(
  partitions: readonly GptPartition[],
  {
    diskGuid,
    diskBytes,
    entries = mostEntries,
  }: { readonly diskGuid: string; readonly diskBytes: number; readonly entries?: number | undefined },
): { readonly front: Buffer; readonly back: Buffer; readonly backOffset: number } {
  const sectors = diskBytes / sectorBytes;
  const table = Buffer.alloc(entries * entryBytes);
  for (const partition of partitions) {
    const at = (partition.number - 1) * entryBytes;
    guidBytes(partition.typeGuid).copy(table, at);
    guidBytes(partition.guid).copy(table, at + 16);
    table.writeBigUInt64LE(BigInt(partition.startBytes / sectorBytes), at + 32);
    table.writeBigUInt64LE(BigInt((partition.startBytes + partition.sizeBytes) / sectorBytes - 1), at + 40);
    table.write(partition.name, at + 56, 'utf16le');
  }
  const shared = { sectors, diskGuid, entries, tableCrc: crc32(table) };
  const last = sectors - 1;
  const front = header({ ...shared, at: 1, other: last, table: 2 });
  const back = header({ ...shared, at: last, other: 1, table: last - reservedSectors });
  return {
    front: Buffer.concat([protectiveMbr(sectors), front, table]),
    back: Buffer.concat([table, Buffer.alloc(reservedSectors * sectorBytes - table.length), back]),
    backOffset: (last - reservedSectors) * sectorBytes,
  };
}

function header(options: {
  sectors: number;
  diskGuid: string;
  entries: number;
  tableCrc: number;
  at: number;
  other: number;
  table: number;
}): Buffer {
  const bytes = Buffer.alloc(sectorBytes);
  bytes.write('EFI PART', 0, 'latin1');
  bytes.writeUInt32LE(0x00010000, 8);
  bytes.writeUInt32LE(92, 12);
  bytes.writeBigUInt64LE(BigInt(options.at), 24);
  bytes.writeBigUInt64LE(BigInt(options.other), 32);
  bytes.writeBigUInt64LE(BigInt(2 + reservedSectors), 40);
  bytes.writeBigUInt64LE(BigInt(options.sectors - 2 - reservedSectors), 48);
  guidBytes(options.diskGuid).copy(bytes, 56);
  bytes.writeBigUInt64LE(BigInt(options.table), 72);
  bytes.writeUInt32LE(options.entries, 80);
  bytes.writeUInt32LE(entryBytes, 84);
  bytes.writeUInt32LE(options.tableCrc, 88);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 92)), 16);
  return bytes;
}

function protectiveMbr(sectors: number): Buffer {
  const bytes = Buffer.alloc(sectorBytes);
  // Head, sector and cylinder of the first and the last sector, with the type in between: 0xee covers the disk.
  Buffer.from([0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff]).copy(bytes, 446);
  bytes.writeUInt32LE(1, 454);
  bytes.writeUInt32LE(Math.min(sectors - 1, 0xffffffff), 458);
  bytes.writeUInt16LE(0xaa55, 510);
  return bytes;
}

/** The first three groups are little endian on disk (UEFI Specification, appendix A). */
function guidBytes(guid: string): Buffer {
  const [a = '', b = '', c = '', ...rest] = guid.split('-');
  const swapped = [a, b, c].map((group) => Buffer.from(group, 'hex').reverse());
  return Buffer.concat([...swapped, Buffer.from(rest.join(''), 'hex')]);
}
