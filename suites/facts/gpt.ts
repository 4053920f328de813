import { unreadable } from './unreadable.js';

export interface GptEntry {
  /** From 1. */
  readonly number: number;
  readonly name: string;
  /** Lower case. */
  readonly type: string;
  readonly firstBlock: number;
  readonly lastBlock: number;
}

const signature = 'EFI PART';
const noType = '00000000-0000-0000-0000-000000000000';

/**
 * The partitions of a GPT (UEFI Specification 2.10, 5.3).
 *
 * @param bytes the disk from its second logical block on: the header, then entries as far as they were read
 * @returns undefined when the disk has no GPT
 * @throws RigError `facts.unreadable` for a header that contradicts itself
 */
export function parseGpt(bytes: Buffer, blockBytes: number): readonly GptEntry[] | undefined {
  if (bytes.toString('latin1', 0, 8) !== signature) return undefined;
  const wrong = (why: string) => unreadable('the partition table', bytes.toString('hex', 0, 92), why);
  if (bytes.length < 2 * blockBytes) throw wrong(`only ${bytes.length} bytes of it came`);
  const tableAt = (Number(bytes.readBigUInt64LE(72)) - 1) * blockBytes;
  const size = bytes.readUInt32LE(84);
  if (size < 128 || size > 4096 || tableAt < blockBytes || tableAt >= bytes.length)
    throw wrong(`entries of ${size} bytes at ${tableAt} make no sense`);
  const count = Math.min(bytes.readUInt32LE(80), Math.floor((bytes.length - tableAt) / size));
  return Array.from({ length: count }, (_, index) => {
    const at = tableAt + index * size;
    const [name = ''] = bytes.toString('utf16le', at + 56, at + 128).split('\0', 1);
    return {
      number: index + 1,
      name,
      type: guid(bytes.subarray(at, at + 16)),
      firstBlock: Number(bytes.readBigUInt64LE(at + 32)),
      lastBlock: Number(bytes.readBigUInt64LE(at + 40)),
    };
  }).filter((entry) => entry.type !== noType);
}

/** The first three groups are little endian (UEFI Specification, appendix A). */
function guid(bytes: Buffer): string {
  const group = (from: number, to: number) => bytes.subarray(from, to);
  const swapped = (from: number, to: number) => Buffer.from(group(from, to)).reverse();
  return [swapped(0, 4), swapped(4, 6), swapped(6, 8), group(8, 10), group(10, 16)]
    .map((part) => part.toString('hex'))
    .join('-');
}
