import { open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlockRange } from './ext4.js';
import type { Toolbox } from './toolbox.js';
import type { FileTree } from './tree.js';

export interface FatOptions {
  readonly label: string;
  /** Eight hexadecimal digits. */
  readonly volumeId: string;
  readonly sizeBytes: number;
  readonly tree: FileTree;
  readonly workDir: string;
  readonly tools: Toolbox;
}

/** Makes a FAT32 file system in `file`. */
export async function writeFat32(file: string, options: FatOptions): Promise<void> {
  const { tools, workDir } = options;
  await writeFile(file, '');
  await truncate(file, options.sizeBytes);
  // One sector a cluster: below 65525 clusters it would be FAT16 to most readers (Microsoft's FAT specification).
  const shape = ['-F', '32', '-s', '1', '-S', '512', '--invariant'];
  await tools.run('mkfs.vfat', [...shape, '-i', options.volumeId, '-n', options.label, file]);
  for (const [path, node] of options.tree.entries()) {
    if (node.kind === 'directory') await tools.run('mmd', ['-i', file, `::${path}`]);
    if (node.kind !== 'file') continue;
    const inMemory = 'data' in node.content;
    const source = inMemory ? join(workDir, 'fat-file') : node.content.from;
    if (inMemory) await writeFile(source, node.content.data);
    await tools.run('mcopy', ['-o', '-i', file, source, `::${path}`]);
  }
}

/** The bytes that the FAT32 file system in `file` uses: reserved sectors, tables and clusters that are not free. */
export async function usedFatBytes(file: string): Promise<BlockRange[]> {
  await using handle = await open(file, 'r');
  const read = async (position: number, length: number): Promise<Buffer> =>
    (await handle.read(Buffer.alloc(length), 0, length, position)).buffer;
  const boot = await read(0, 512);
  const sectorBytes = boot.readUInt16LE(11);
  const clusterBytes = boot.readUInt8(13) * sectorBytes;
  const tableStart = boot.readUInt16LE(14) * sectorBytes;
  const tableBytes = boot.readUInt32LE(36) * sectorBytes;
  const clustersStart = tableStart + boot.readUInt8(16) * tableBytes;
  const table = await read(tableStart, tableBytes);
  const used: BlockRange[] = [{ first: 0, last: clustersStart - 1 }];
  const clusters = Math.floor((boot.readUInt32LE(32) * sectorBytes - clustersStart) / clusterBytes);
  for (let cluster = 2; cluster < clusters + 2; cluster++) {
    if ((table.readUInt32LE(cluster * 4) & 0x0fffffff) === 0) continue;
    const first = clustersStart + (cluster - 2) * clusterBytes;
    used.push({ first, last: first + clusterBytes - 1 });
  }
  return used;
}
