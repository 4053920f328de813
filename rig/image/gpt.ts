import { crc32 } from 'node:zlib';

export const sectorBytes = 512;

/** A partition as a GPT names it. */
export interface GptPartition {
  /** From 1. */
  readonly number: number;
  readonly name: string;
  readonly typeGuid: string;
  readonly guid: string;
  readonly startBytes: number;
  readonly sizeBytes: number;
}

export interface Gpt {
  readonly diskGuid: string;
  readonly partitions: GptPartition[];
}

/**
 * Partitions of a GPT (UEFI Specification 2.10, chapter 5.3) from a disk's first bytes.
 *
 * @param front at least the first 34 sectors
 * @returns undefined when there is no sound header and table
 */
export function readGpt(front: Buffer): Gpt | undefined {
  const header = front.subarray(sectorBytes, 2 * sectorBytes);
  if (!isSoundHeader(header)) return undefined;
  const at = Number(header.readBigUInt64LE(72)) * sectorBytes;
  return readEntries(header, front.subarray(at));
}

/** The same from a disk's last bytes (its last 33 sectors or more): what is left when the front was overwritten. */
export function readBackupGpt(back: Buffer): Gpt | undefined {
  const header = back.subarray(back.length - sectorBytes);
  if (!isSoundHeader(header)) return undefined;
  const own = Number(header.readBigUInt64LE(24));
  const table = Number(header.readBigUInt64LE(72));
  const at = back.length - sectorBytes - (own - table) * sectorBytes;
  return at < 0 || table >= own ? undefined : readEntries(header, back.subarray(at));
}

function isSoundHeader(header: Buffer): boolean {
  if (header.length < sectorBytes || header.toString('latin1', 0, 8) !== 'EFI PART') return false;
  const headerBytes = header.readUInt32LE(12);
  if (headerBytes < 92 || headerBytes > sectorBytes) return false;
  const checked = Buffer.from(header.subarray(0, headerBytes));
  checked.writeUInt32LE(0, 16);
  return crc32(checked) === header.readUInt32LE(16);
}

function readEntries(header: Buffer, from: Buffer): Gpt | undefined {
  const entryBytes = 128;
  const size = header.readUInt32LE(84);
  const table = from.subarray(0, header.readUInt32LE(80) * size);
  if (size < entryBytes || crc32(table) !== header.readUInt32LE(88)) return undefined;
  const partitions: GptPartition[] = [];
  for (let offset = 0; offset + size <= table.length; offset += size) {
    const entry = table.subarray(offset, offset + size);
    const typeGuid = guidText(entry.subarray(0, 16));
    if (/^[0-]+$/.test(typeGuid)) continue;
    const first = Number(entry.readBigUInt64LE(32));
    const last = Number(entry.readBigUInt64LE(40));
    partitions.push({
      number: offset / size + 1,
      name: entry.toString('utf16le', 56, 128).replace(/\0.*$/s, ''),
      typeGuid,
      guid: guidText(entry.subarray(16, 32)),
      startBytes: first * sectorBytes,
      sizeBytes: (last - first + 1) * sectorBytes,
    });
  }
  return { diskGuid: guidText(header.subarray(56, 72)), partitions };
}

/** The first three groups are little endian on disk (UEFI Specification, appendix A). */
function guidText(bytes: Buffer): string {
  const hex = (from: number, to: number): string => bytes.subarray(from, to).toString('hex');
  const swapped = (from: number, to: number): string =>
    Buffer.from(bytes.subarray(from, to)).reverse().toString('hex');
  return [swapped(0, 4), swapped(4, 6), swapped(6, 8), hex(8, 10), hex(10, 16)].join('-');
}
