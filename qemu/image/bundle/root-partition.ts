import { chmod, open, truncate, writeFile } from 'node:fs/promises';
import type { Cancellable } from '../../../rig/contracts/capabilities.js';
import { RigError } from '../../../rig/contracts/errors.js';
import { readPartitionTable } from '../../../rig/image/partition-table.js';

const rootLabel = 'resin-rootA';
const chunkBytes = 1024 * 1024;
const holeBytes = 4096;
const hole = Buffer.alloc(holeBytes);

/**
 * Copies the root of the disk image in `image` to the sparse file `to`.
 *
 * @throws RigError `image.no-root` (blame: config)
 */
export async function copyRoot(
  image: string,
  { to, sizeBytes, signal }: { readonly to: string; readonly sizeBytes: number } & Cancellable,
): Promise<void> {
  await using source = await open(image, 'r');
  const table = await readPartitionTable(source, sizeBytes);
  const root = table?.partitions.find(({ name }) => name === rootLabel);
  if (!root) {
    throw new RigError(`Cannot make a bundle of ${image}: it has no partition ${rootLabel}`, {
      code: 'image.no-root',
      blame: 'config',
      hint: 'Bundles are made of images that rig image build made; rig image inspect tells what an image is.',
    });
  }
  await writeFile(to, '');
  await truncate(to, root.sizeBytes);
  await chmod(to, 0o644);
  await using target = await open(to, 'r+');
  const chunk = Buffer.alloc(chunkBytes);
  for (let offset = 0; offset < root.sizeBytes; ) {
    signal?.throwIfAborted();
    const length = Math.min(chunkBytes, root.sizeBytes - offset);
    const { bytesRead } = await source.read(chunk, 0, length, root.startBytes + offset);
    if (bytesRead === 0) break;
    for (let at = 0; at < bytesRead; at += holeBytes) {
      const block = chunk.subarray(at, Math.min(at + holeBytes, bytesRead));
      if (block.equals(hole.subarray(0, block.length))) continue;
      await target.write(block, 0, block.length, offset + at);
    }
    offset += bytesRead;
  }
}
