import { type Region, sectorBytes } from '../../contracts/powercut.js';
import { readFatShape } from '../fat-boot-sector.js';
import type { ReadAt } from '../partition-table.js';
import type { Place } from './ext4.js';
import { type FatEntry, readFolder } from './fat-folder.js';

/** A hostile folder may hold itself. */
const maxDepth = 16;
const maxFiles = 20_000;
/** The table of a FAT32 of 32 GiB with clusters of 32 KiB is 4 MiB. */
const maxTableBytes = 64 * 1024 * 1024;

interface Layout {
  readonly type: 'FAT12' | 'FAT16' | 'FAT32';
  readonly clusterBytes: number;
  readonly rootStart: number;
  readonly rootBytes: number;
  readonly dataStart: number;
  readonly clusters: number;
  readonly table: Buffer;
  /** Clusters that may still be followed: a sound file system has each in one chain. */
  left: number;
}

/** Boot sector, tables, folders and files of a FAT file system (Microsoft, FAT: General Overview of On-Disk Format, 1.03). */
export async function fatRegions(read: ReadAt, { start, partition }: Place): Promise<Region[]> {
  const boot = await read(0, sectorBytes);
  const shape = readFatShape(boot);
  if (!shape) return [];
  const fatSector = boot.readUInt16LE(11);
  const reserved = boot.readUInt16LE(14) * fatSector;
  const copies = boot.readUInt8(16);
  const tableBytes = (boot.readUInt16LE(22) || boot.readUInt32LE(36)) * fatSector;
  const region = (fromByte: number, bytes: number, what: string, file?: string): Region => ({
    kind: 'boot-partition',
    sector: start + Math.floor(fromByte / sectorBytes),
    sectors: Math.ceil(bytes / sectorBytes),
    what: `${partition}: ${what}`,
    partition,
    ...(file === undefined ? {} : { file }),
  });
  const regions = [
    region(0, sectorBytes, 'boot sector'),
    region(sectorBytes, Math.max(0, reserved - sectorBytes), 'reserved sectors'),
    ...Array.from({ length: copies }, (_, copy) =>
      region(reserved + copy * tableBytes, tableBytes, `file allocation table, copy ${copy + 1}`),
    ),
  ];
  if (tableBytes > maxTableBytes) return regions;
  const rootBytes = Math.ceil((boot.readUInt16LE(17) * 32) / fatSector) * fatSector;
  const rootStart = reserved + copies * tableBytes;
  const clusterBytes = boot.readUInt8(13) * fatSector;
  const layout: Layout = {
    type: shape.type,
    clusterBytes,
    rootStart,
    rootBytes,
    dataStart: rootStart + rootBytes,
    clusters: Math.floor((shape.sizeBytes - rootStart - rootBytes) / clusterBytes),
    table: await read(reserved, tableBytes),
    left: 0,
  };
  // Folders are followed twice.
  layout.left = 2 * layout.clusters;
  if (rootBytes > 0) regions.push(region(rootStart, rootBytes, 'root folder'));
  const root =
    rootBytes > 0 ? await read(rootStart, rootBytes) : await content(read, layout, boot.readUInt32LE(44));
  if (rootBytes === 0) regions.push(...chainRegions(layout, boot.readUInt32LE(44), 'root folder'));
  await walk({ folder: root, path: '', depth: 0 });
  return regions;

  async function walk(at: { folder: Buffer; path: string; depth: number }): Promise<void> {
    for (const entry of readFolder(at.folder)) {
      if (regions.length > maxFiles) return;
      const path = `${at.path}/${entry.name}`;
      const what = entry.isFolder ? `folder ${path}` : `file ${path}`;
      regions.push(...chainRegions(layout, entry.cluster, what, fileOf(entry, path)));
      if (!entry.isFolder || at.depth >= maxDepth) continue;
      await walk({ folder: await content(read, layout, entry.cluster), path, depth: at.depth + 1 });
    }
  }

  function chainRegions(of: Layout, first: number, what: string, file?: string): Region[] {
    return runsOf(chain(of, first)).map(([cluster, count]) =>
      region(of.dataStart + (cluster - 2) * of.clusterBytes, count * of.clusterBytes, what, file),
    );
  }
}

function fileOf({ isFolder }: FatEntry, path: string): string | undefined {
  return isFolder ? undefined : path;
}

/** Clusters of a file, in its order; as far as the table makes sense. */
function chain(layout: Layout, first: number): number[] {
  const { type, table, clusters } = layout;
  const found: number[] = [];
  for (let cluster = first; cluster >= 2 && cluster < clusters + 2 && layout.left > 0; layout.left -= 1) {
    found.push(cluster);
    cluster = nextCluster(table, type, cluster);
  }
  return found;
}

function nextCluster(table: Buffer, type: Layout['type'], cluster: number): number {
  const at = type === 'FAT12' ? Math.floor(cluster * 1.5) : cluster * (type === 'FAT16' ? 2 : 4);
  if (at + (type === 'FAT32' ? 4 : 2) > table.length) return 0;
  if (type === 'FAT32') return table.readUInt32LE(at) & 0x0fffffff;
  const value = table.readUInt16LE(at);
  if (type === 'FAT16') return value;
  return cluster % 2 === 0 ? value & 0xfff : value >> 4;
}

/** First cluster and count of each stretch. */
function runsOf(clusters: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const cluster of clusters) {
    const last = runs.at(-1);
    if (last && last[0] + last[1] === cluster) last[1] += 1;
    else runs.push([cluster, 1]);
  }
  return runs;
}

/** What a folder holds; folders are small. */
async function content(read: ReadAt, layout: Layout, first: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (const cluster of chain(layout, first).slice(0, 1024))
    parts.push(await read(layout.dataStart + (cluster - 2) * layout.clusterBytes, layout.clusterBytes));
  return Buffer.concat(parts);
}
