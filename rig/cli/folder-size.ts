import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** What a folder takes on the disk, sparse files by what is in them; 0 when there is none. What goes meanwhile is left out. */
export async function folderBytes(dir: string): Promise<number> {
  const names = await ifThere(readdir(dir, { withFileTypes: true }));
  const sizes = (names ?? []).map(async (entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return folderBytes(path);
    return ((await ifThere(lstat(path)))?.blocks ?? 0) * 512;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

async function ifThere<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
