import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { Cancellable } from '../../../rig/contracts/capabilities.js';

export const verityBlockBytes = 4096;
const digestBytes = 32;
const digestsPerBlock = verityBlockBytes / digestBytes;
const chunkBlocks = 256;

export interface VerityTree {
  /** Top level first, as the kernel reads it (Documentation/admin-guide/device-mapper/verity.rst). */
  readonly bytes: Buffer;
  /** Hexadecimal. */
  readonly rootHash: string;
}

/**
 * The dm-verity tree, version 1 with sha256 and no superblock, over `file`, whose size is a whole number of blocks: each level holds
 * the salted hashes of the blocks of the one below it.
 */
export async function verityTree(
  file: string,
  { salt, signal }: { readonly salt: Buffer } & Cancellable,
): Promise<VerityTree> {
  const levels: Buffer[] = [];
  await using data = await open(file, 'r');
  let level = await hashFile(data, { salt, signal });
  while (level.count > 1) {
    levels.unshift(level.blocks);
    level = hashBuffer(level.blocks, salt);
  }
  return { bytes: Buffer.concat(levels), rootHash: level.blocks.toString('hex', 0, digestBytes) };
}

/** Hashes, filled up to whole blocks, and how many there are. */
interface Level {
  readonly blocks: Buffer;
  readonly count: number;
}

async function hashFile(
  data: FileHandle,
  { salt, signal }: { readonly salt: Buffer } & Cancellable,
): Promise<Level> {
  const { size } = await data.stat();
  const level = emptyLevel(size / verityBlockBytes);
  const chunk = Buffer.alloc(chunkBlocks * verityBlockBytes);
  for (let index = 0; index < level.count; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await data.read(chunk, 0, chunk.length, index * verityBlockBytes);
    if (bytesRead === 0 || bytesRead % verityBlockBytes !== 0)
      throw new Error(`cannot hash ${size} bytes in whole blocks: a read gave ${bytesRead}`);
    index += hashBlocks(chunk.subarray(0, bytesRead), { salt, level, from: index });
  }
  return level;
}

function hashBuffer(bytes: Buffer, salt: Buffer): Level {
  const level = emptyLevel(bytes.length / verityBlockBytes);
  hashBlocks(bytes, { salt, level, from: 0 });
  return level;
}

function hashBlocks(
  bytes: Buffer,
  { salt, level, from }: { salt: Buffer; level: Level; from: number },
): number {
  const count = bytes.length / verityBlockBytes;
  for (let index = 0; index < count; index++) {
    const block = bytes.subarray(index * verityBlockBytes, (index + 1) * verityBlockBytes);
    const hash = createHash('sha256').update(salt).update(block).digest();
    hash.copy(level.blocks, (from + index) * digestBytes);
  }
  return count;
}

function emptyLevel(count: number): Level {
  return { blocks: Buffer.alloc(Math.ceil(count / digestsPerBlock) * verityBlockBytes), count };
}
