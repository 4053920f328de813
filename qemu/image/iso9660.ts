import { sourceDateEpoch } from './board.js';
import type { RawBytes } from './recipe.js';

const blockBytes = 2048;
/** Blocks that the standard leaves to the system: on our disks the partition table. */
const systemBlocks = 16;
const pathTableBlocks = { little: 18, big: 19 } as const;
const rootBlock = 20;

/** A file at a place of the disk that is chosen for it, at a multiple of 2048 bytes. */
export interface PlacedFile extends RawBytes {
  /** At most eight upper-case letters. */
  readonly name: string;
}

/**
 * An ISO 9660 file system (ECMA-119, second edition) over the first `sizeBytes` of a disk, one flat folder, its descriptors
 * at 32 KiB: behind a partition table of GPT and, on our disks, before the first partition.
 *
 * @returns its pieces, to be written into the disk: descriptors and folder first, then the files
 */
export function writeIso9660(
  files: readonly PlacedFile[],
  { label, sizeBytes }: { readonly label: string; readonly sizeBytes: number },
): RawBytes[] {
  const records = files.map(({ name, offsetBytes, data }) =>
    record(Buffer.from(`${name}.;1`), { block: offsetBytes / blockBytes, sizeBytes: data.length, flags: 0 }),
  );
  const self = { block: rootBlock, sizeBytes: blockBytes, flags: folderFlag };
  const root = [record(Buffer.of(0), self), record(Buffer.of(1), self), ...records];
  const descriptors = [
    primaryDescriptor({ label, blocks: sizeBytes / blockBytes }),
    terminator(),
    inBlock(pathTable('little')),
    inBlock(pathTable('big')),
    inBlock(Buffer.concat(root)),
  ];
  return [
    { offsetBytes: systemBlocks * blockBytes, data: Buffer.concat(descriptors) },
    ...files.map(({ offsetBytes, data }) => ({ offsetBytes, data: inBlock(data) })),
  ];
}

const folderFlag = 2;

/** 9.1, a directory record; numbers are there in both byte orders (7.2.3, 7.3.3). */
function record(
  name: Buffer,
  { block, sizeBytes, flags }: { block: number; sizeBytes: number; flags: number },
): Buffer {
  const bytes = Buffer.alloc(33 + name.length + (name.length % 2 === 0 ? 1 : 0));
  bytes[0] = bytes.length;
  both32(bytes, 2, block);
  both32(bytes, 10, sizeBytes);
  const time = new Date(sourceDateEpoch * 1000);
  bytes.set([time.getUTCFullYear() - 1900, time.getUTCMonth() + 1, time.getUTCDate()], 18);
  bytes[25] = flags;
  both16(bytes, 28, 1);
  bytes[32] = name.length;
  name.copy(bytes, 33);
  return bytes;
}

/** 8.4; what is text and not given is spaces. */
function primaryDescriptor({ label, blocks }: { label: string; blocks: number }): Buffer {
  const bytes = descriptor(1);
  bytes.fill(' ', 8, 72);
  bytes.write(label, 40, 'latin1');
  both32(bytes, 80, blocks);
  both16(bytes, 120, 1);
  both16(bytes, 124, 1);
  both16(bytes, 128, blockBytes);
  both32(bytes, 132, pathTable('little').length);
  bytes.writeUInt32LE(pathTableBlocks.little, 140);
  bytes.writeUInt32BE(pathTableBlocks.big, 148);
  record(Buffer.of(0), { block: rootBlock, sizeBytes: blockBytes, flags: folderFlag }).copy(bytes, 156);
  bytes.fill(' ', 190, 813);
  const made = `${new Date(sourceDateEpoch * 1000).toISOString().slice(0, 19).replace(/\D/g, '')}00\0`;
  bytes.write(made.repeat(2), 813, 'latin1');
  bytes.write(`${'0'.repeat(16)}\0`.repeat(2), 847, 'latin1');
  bytes[881] = 1;
  return bytes;
}

function terminator(): Buffer {
  return descriptor(255);
}

/** 8.1: type, identifier, version. */
function descriptor(type: number): Buffer {
  const bytes = Buffer.alloc(blockBytes);
  bytes[0] = type;
  bytes.write('CD001\x01', 1, 'latin1');
  return bytes;
}

/** 9.4: the root alone. */
function pathTable(order: 'little' | 'big'): Buffer {
  const bytes = Buffer.alloc(10);
  bytes[0] = 1;
  if (order === 'little') {
    bytes.writeUInt32LE(rootBlock, 2);
    bytes.writeUInt16LE(1, 6);
  } else {
    bytes.writeUInt32BE(rootBlock, 2);
    bytes.writeUInt16BE(1, 6);
  }
  return bytes;
}

function inBlock(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc(blockBytes - data.length)]);
}

function both16(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt16LE(value, at);
  bytes.writeUInt16BE(value, at + 2);
}

function both32(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32LE(value, at);
  bytes.writeUInt32BE(value, at + 4);
}
