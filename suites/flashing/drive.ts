import { open, stat } from 'node:fs/promises';
import type { Drive } from '../../rig/mod.js';

export const blockBytes = 4096;

/** Changes one block of the drive behind the rig's back, as a worn-out card does. */
export async function damageBlock(drive: Drive, offset: number): Promise<void> {
  await using file = await open(drive.path, 'r+');
  const block = Buffer.alloc(blockBytes);
  await file.read(block, 0, block.length, offset);
  for (const [index, byte] of block.entries()) block[index] = byte ^ 0xff;
  await file.write(block, 0, block.length, offset);
  await file.sync();
}

/** Leaves something foreign at every so many bytes, so that what was not written anew shows. */
export async function soil(drive: Drive, { everyBytes }: { readonly everyBytes: number }): Promise<void> {
  await using file = await open(drive.path, 'r+');
  const foreign = Buffer.alloc(blockBytes, 0xa5);
  for (let offset = 0; offset + blockBytes <= drive.sizeBytes; offset += everyBytes)
    await file.write(foreign, 0, blockBytes, offset);
  await file.sync();
}

/** Whether the drive is a file, which can have any size; a card has the one that it has. */
export async function isFile(drive: Drive): Promise<boolean> {
  return (await stat(drive.path)).isFile();
}
