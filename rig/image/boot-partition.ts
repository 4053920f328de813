import type { FileHandle } from 'node:fs/promises';
import { RigError } from '../contracts/errors.js';
import { readFatShape } from './fat-boot-sector.js';
import { type Partition, readPartitionTable } from './partition-table.js';

/** Where a FAT file system lies in a disk image. */
export interface FatPartition {
  /** 0 for an image that is a bare file system. */
  readonly number: number;
  readonly name: string;
  readonly label: string;
  readonly type: 'FAT12' | 'FAT16' | 'FAT32';
  readonly startBytes: number;
  readonly sizeBytes: number;
}

const magics: readonly (readonly [string, string])[] = [
  ['qcow2', '514649fb'],
  ['gzip', '1f8b'],
  ['xz', 'fd377a585a00'],
  ['zstd', '28b52ffd'],
  ['bzip2', '425a68'],
  ['zip', '504b0304'],
];

/**
 * The partition with the configuration: the one that `wanted` names by number, name or label, else the FAT partition whose
 * name or label speaks of booting, else the only one. Never a guess between two.
 *
 * @throws RigError `image.packed`, `image.no-boot-partition`, `image.ambiguous-partition`, `image.bad-partition` (blame: config)
 */
export async function findBootPartition(
  disk: FileHandle,
  { sizeBytes, wanted }: { readonly sizeBytes: number; readonly wanted?: string | undefined },
): Promise<FatPartition> {
  const head = Buffer.alloc(512);
  await disk.read(head, 0, head.length, 0);
  refusePacked(head);
  const table = await readPartitionTable(disk, sizeBytes);
  if (!table) {
    const shape = readFatShape(head);
    if (shape && shape.sizeBytes <= sizeBytes) return { number: 0, name: '', startBytes: 0, ...shape };
    throw noBootPartition('it has no partition table that can be read, and is no FAT file system itself');
  }
  const all = await fatPartitions(disk, table.partitions);
  const found = wanted === undefined ? byName(all) : all.filter((one) => isCalled(one, wanted));
  const [first, second] = found;
  if (!first) {
    const there = table.partitions.map(({ number, name, type }) => `${number} ${name || type}`).join(', ');
    throw noBootPartition(
      wanted === undefined
        ? `none of its partitions is FAT: ${there || 'it has none'}`
        : `no FAT partition is called ${JSON.stringify(wanted)}: ${all.map(nameOf).join(', ') || 'it has none'}`,
    );
  }
  if (second) throw ambiguous(found);
  if (first.startBytes + first.sizeBytes > sizeBytes) throw outside(first, sizeBytes);
  return first;
}

async function fatPartitions(disk: FileHandle, partitions: readonly Partition[]): Promise<FatPartition[]> {
  const found: FatPartition[] = [];
  for (const { number, name, startBytes, sizeBytes } of partitions) {
    if (!Number.isSafeInteger(startBytes) || startBytes < 512) continue;
    const sector = Buffer.alloc(512);
    const { bytesRead } = await disk.read(sector, 0, sector.length, startBytes);
    const shape = bytesRead === 512 ? readFatShape(sector) : undefined;
    if (!shape) continue;
    if (shape.sizeBytes > sizeBytes) throw tooLarge(number, shape.sizeBytes, sizeBytes);
    found.push({ number, name, label: shape.label, type: shape.type, startBytes, sizeBytes });
  }
  return found;
}

function byName(all: readonly FatPartition[]): readonly FatPartition[] {
  const speaking = all.filter(({ name, label }) => /boot/i.test(name) || /boot/i.test(label));
  return speaking.length > 0 ? speaking : all;
}

function isCalled({ number, name, label }: FatPartition, wanted: string): boolean {
  return String(number) === wanted || name === wanted || label === wanted;
}

function nameOf({ number, name, label }: FatPartition): string {
  return `${number} ${(name || label || 'without a name').replace(/[^\x20-\x7e]/g, '?')}`;
}

function refusePacked(head: Buffer): void {
  const format = magics.find(([, magic]) => head.toString('hex', 0, magic.length / 2) === magic)?.[0];
  if (format === undefined) return;
  throw new RigError(`The image is packed as ${format}: its files cannot be changed in place`, {
    code: 'image.packed',
    blame: 'config',
    hint: 'Unpack it first, for example with xz -d, zstd -d or qemu-img convert -O raw.',
    evidence: { format },
  });
}

function noBootPartition(why: string): RigError {
  return new RigError(`The image has no boot partition to configure: ${why}`, {
    code: 'image.no-boot-partition',
    blame: 'config',
    hint: 'rig image inspect shows what is in an image; --partition names one by its number or label.',
  });
}

function ambiguous(found: readonly FatPartition[]): RigError {
  return new RigError(`Several partitions may be the boot partition: ${found.map(nameOf).join(', ')}`, {
    code: 'image.ambiguous-partition',
    blame: 'config',
    hint: 'Say which with --partition, by its number or label.',
    evidence: { candidates: found.map(nameOf) },
  });
}

function outside({ number, startBytes, sizeBytes }: FatPartition, imageBytes: number): RigError {
  return new RigError(
    `Partition ${number} ends at byte ${startBytes + sizeBytes}, behind the end of the image at ${imageBytes}`,
    {
      code: 'image.bad-partition',
      blame: 'config',
      hint: 'The image was cut short, or its partition table is wrong.',
      evidence: { number, startBytes, sizeBytes, imageBytes },
    },
  );
}

function tooLarge(number: number, claimed: number, partition: number): RigError {
  return new RigError(
    `The FAT file system of partition ${number} claims ${claimed} bytes, but its partition has ${partition}`,
    {
      code: 'image.bad-partition',
      blame: 'config',
      hint: 'The partition table and the file system do not belong together: take a sound copy of the image.',
      evidence: { number, claimed, partition },
    },
  );
}
