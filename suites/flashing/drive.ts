import { open, stat, truncate } from 'node:fs/promises';
import type { Drive, TestContext } from '../../rig/mod.js';

export const blockBytes = 4096;

/** Changes one block of the drive behind the rig's back, as a worn-out card does. */
export async function damageBlock({ host }: TestContext, drive: Drive, offset: number): Promise<void> {
  await host.observe(`one block of the drive changed at ${offset}`, async () => {
    await using file = await open(drive.path, 'r+');
    const block = Buffer.alloc(blockBytes);
    await file.read(block, 0, block.length, offset);
    for (const [index, byte] of block.entries()) block[index] = byte ^ 0xff;
    await file.write(block, 0, block.length, offset);
    await file.sync();
    return undefined;
  });
}

/** Leaves something foreign at every so many bytes, so that what was not written anew shows. */
export async function soil(
  { host }: TestContext,
  drive: Drive,
  { everyBytes }: { readonly everyBytes: number },
): Promise<void> {
  await host.observe(`something foreign at every ${everyBytes} bytes of the drive`, async () => {
    await using file = await open(drive.path, 'r+');
    const foreign = Buffer.alloc(blockBytes, 0xa5);
    for (let offset = 0; offset + blockBytes <= drive.sizeBytes; offset += everyBytes)
      await file.write(foreign, 0, blockBytes, offset);
    await file.sync();
    return undefined;
  });
}

/**
 * A new medium of that size: nothing of the last one is left.
 *
 * @returns undefined where the drive is no file: a card has the size that it has
 */
export async function newMedium(
  { host }: TestContext,
  drive: Drive,
  sizeBytes: number,
): Promise<Drive | undefined> {
  const made = await host.observe(`a new medium of ${sizeBytes} bytes`, async () => {
    if (!(await stat(drive.path)).isFile()) return false;
    await truncate(drive.path, 0);
    await truncate(drive.path, sizeBytes);
    return true;
  });
  return made ? { ...drive, sizeBytes } : undefined;
}
