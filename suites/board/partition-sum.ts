import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { parseGpt } from '../facts/gpt.js';

const blockBytes = 512;
const headBytes = 64 * 1024;

/** The bytes of a partition of a disk or a disk image at the rig; undefined where it has no GPT with that name. */
export async function partitionSum(
  path: string,
  label: string,
): Promise<{ sizeBytes: number; sha256: string } | undefined> {
  const range = await rangeOf(path, label);
  return range && { sizeBytes: range.end - range.start, sha256: await sumOf(path, range) };
}

/** Where a partition begins and ends, in bytes. */
async function rangeOf(path: string, label: string): Promise<{ start: number; end: number } | undefined> {
  await using file = await open(path, 'r');
  const head = Buffer.alloc(headBytes);
  await file.read(head, 0, headBytes, blockBytes);
  const entry = parseGpt(head, blockBytes)?.find(({ name }) => name === label);
  return entry && { start: entry.firstBlock * blockBytes, end: (entry.lastBlock + 1) * blockBytes };
}

async function sumOf(path: string, { start, end }: { start: number; end: number }): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { start, end: end - 1, highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}
