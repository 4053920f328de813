import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** What a file, or everything in a folder, takes on the disk; 0 for what is not there. Links count, not what they lead to. */
export async function diskBytes(path: string): Promise<number> {
  const found = await unlessGone(() => lstat(path));
  if (!found?.isDirectory()) return blockBytes(found?.blocks);
  let bytes = 0;
  for (const entry of await entries(path)) bytes += await diskBytes(join(path, entry.name));
  return bytes;
}

/** Blocks, not length: kept media are sparse. POSIX counts them in units of 512 bytes. */
function blockBytes(blocks = 0): number {
  return blocks * 512;
}

export async function entries(dir: string): Promise<Dirent[]> {
  return (await unlessGone(() => readdir(dir, { withFileTypes: true }))) ?? [];
}

/** Runs that end at the same time clean up side by side: what one wants to look at, the other may just have deleted. */
export async function unlessGone<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
