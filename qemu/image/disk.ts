import { open, truncate, writeFile } from 'node:fs/promises';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import type { GptPartition } from '../../rig/image/gpt.js';
import type { BlockRange } from './ext4.js';
import { firstPartitionBytes, writeGpt } from './gpt.js';
import type { RawBytes } from './recipe.js';

/** A partition to be, with the file that holds its file system and the bytes that the file system uses. */
export interface DiskPart {
  readonly name: string;
  readonly typeGuid: string;
  readonly guid: string;
  readonly sizeBytes: number;
  readonly file: string;
  readonly used: readonly BlockRange[];
}

const alignmentBytes = 1024 * 1024;
const chunkBytes = 1024 * 1024;
const holeBytes = 4096;
const zeros = Buffer.alloc(holeBytes);

/**
 * Writes a sparse raw disk with a GPT, `parts` in order, and `sectors` in front of them.
 *
 * @returns its size, and the byte ranges that a copy of it must carry over
 */
export async function writeDisk(
  file: string,
  {
    parts,
    sectors = [],
    diskGuid,
    tableEntries,
    signal,
  }: {
    parts: readonly DiskPart[];
    sectors?: readonly RawBytes[] | undefined;
    diskGuid: string;
    /** Of the partition table; default: 128. */
    tableEntries?: number | undefined;
  } & Cancellable,
): Promise<{ sizeBytes: number; used: BlockRange[] }> {
  let end = firstPartitionBytes;
  const placed = parts.map((part, index): GptPartition & { part: DiskPart } => {
    const startBytes = end;
    end += part.sizeBytes;
    return { ...part, number: index + 1, startBytes, part };
  });
  // The backup table lies in the last aligned stretch alone.
  const sizeBytes = end + alignmentBytes;
  const gpt = writeGpt(placed, { diskGuid, diskBytes: sizeBytes, entries: tableEntries });
  await writeFile(file, '');
  await truncate(file, sizeBytes);
  await using disk = await open(file, 'r+');
  await disk.write(gpt.front, 0, gpt.front.length, 0);
  await disk.write(gpt.back, 0, gpt.back.length, gpt.backOffset);
  const used: BlockRange[] = [
    { first: 0, last: gpt.front.length - 1 },
    { first: gpt.backOffset, last: sizeBytes - 1 },
  ];
  for (const { offsetBytes, data } of sectors) {
    await disk.write(data, 0, data.length, offsetBytes);
    used.push({ first: offsetBytes, last: offsetBytes + data.length - 1 });
  }
  const chunk = Buffer.alloc(chunkBytes);
  const copy = async ({ part, startBytes }: (typeof placed)[number]): Promise<void> => {
    await using source = await open(part.file, 'r');
    for (const range of part.used) {
      used.push({ first: startBytes + range.first, last: startBytes + range.last });
      for (let offset = range.first; offset <= range.last; offset += chunkBytes) {
        signal?.throwIfAborted();
        const length = Math.min(chunkBytes, range.last + 1 - offset);
        const { bytesRead } = await source.read(chunk, 0, length, offset);
        for (let at = 0; at < bytesRead; at += holeBytes) {
          const block = chunk.subarray(at, Math.min(at + holeBytes, bytesRead));
          if (block.equals(zeros.subarray(0, block.length))) continue;
          await disk.write(block, 0, block.length, startBytes + offset + at);
        }
      }
    }
  };
  for (const one of placed) await copy(one);
  await disk.sync();
  return { sizeBytes, used };
}
