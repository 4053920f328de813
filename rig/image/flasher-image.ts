import { type FileHandle, mkdir, rm } from 'node:fs/promises';
import type { Cancellable } from '../contracts/capabilities.js';
import { RigError } from '../contracts/errors.js';
import { findBootPartition } from './boot-partition.js';
import { FatVolume } from './fat-volume.js';
import { type Partition, readPartitionTable } from './partition-table.js';
import { extract } from './replace-image.js';

/** What a flasher boots from, its configuration and its log; and the image that it installs, as it is. */
const bootName = 'flash-boot';
const imageName = 'flash-image';

/**
 * Copies the files of a flasher image into the new folder `into`.
 *
 * @returns where in the flasher lies the image that it installs
 * @throws RigError `image.not-a-flasher`, `image.bad-partition`, `image.damaged-fat` (blame: config)
 */
export async function unpackFlasher(
  disk: FileHandle,
  { name, into, signal }: { readonly name: string; readonly into: string } & Cancellable,
): Promise<Pick<Partition, 'startBytes' | 'sizeBytes'>> {
  const { size } = await disk.stat();
  const table = await readPartitionTable(disk, size);
  const image = table?.partitions.find((partition) => partition.name === imageName);
  const hasBoot = table?.partitions.some((partition) => partition.name === bootName) ?? false;
  if (!image || !hasBoot || image.startBytes + image.sizeBytes > size) throw notAFlasher(name);
  const boot = await findBootPartition(disk, { sizeBytes: size, wanted: bootName });
  const part = `${into}.fat`;
  await mkdir(into, { mode: 0o700 });
  try {
    await extract(disk, part, { offset: boot.startBytes, length: boot.sizeBytes, signal });
    const volume = new FatVolume(part, { workDir: into, signal });
    await volume.check();
    await volume.copyAll(into);
  } finally {
    await rm(part, { force: true });
  }
  return image;
}

function notAFlasher(name: string): RigError {
  return new RigError(
    `${name} is no flasher image: it has no whole partitions ${bootName} and ${imageName}`,
    {
      code: 'image.not-a-flasher',
      blame: 'config',
      hint: 'rig image build tiny --flasher makes one; a board without a flasher needs another flash method: sd or direct.',
    },
  );
}
