import { sectorBytes } from '../../contracts/powercut.js';
import { readFatShape } from '../fat-boot-sector.js';
import type { ReadAt } from '../partition-table.js';
import { type FatEntry, readFolder } from './fat-folder.js';

/** A hostile folder may hold itself. */
const maxDepth = 16;
const maxFiles = 20_000;
/** The table of a FAT32 of 32 GiB with clusters of 32 KiB is 4 MiB. */
const maxTableBytes = 64 * 1024 * 1024;
/** Folders are small. */
const maxFolderClusters = 1024;

/** A file or folder of a FAT file system. */
export interface FatNode {
  readonly path: string;
  readonly entry: FatEntry;
  /** In its order; as far as the table makes sense. */
  readonly clusters: readonly number[];
}

/** Where a FAT file system keeps what, in bytes (Microsoft, FAT: General Overview of On-Disk Format, 1.03). */
export interface FatLayout {
  readonly type: 'FAT12' | 'FAT16' | 'FAT32';
  readonly reservedBytes: number;
  readonly tables: number;
  readonly tableBytes: number;
  readonly rootStart: number;
  /** 0 where the root folder is a chain, as of FAT32. */
  readonly rootBytes: number;
  readonly rootCluster: number;
  readonly dataStart: number;
  readonly clusterBytes: number;
  readonly clusters: number;
}

/** @returns undefined for what is no FAT file system, or one whose numbers cannot be true */
export async function readFatLayout(read: ReadAt): Promise<FatLayout | undefined> {
  const boot = await read(0, sectorBytes);
  const shape = readFatShape(boot);
  if (!shape) return undefined;
  const fatSector = boot.readUInt16LE(11);
  const reservedBytes = boot.readUInt16LE(14) * fatSector;
  const tables = boot.readUInt8(16);
  const tableBytes = (boot.readUInt16LE(22) || boot.readUInt32LE(36)) * fatSector;
  const rootBytes = Math.ceil((boot.readUInt16LE(17) * 32) / fatSector) * fatSector;
  const rootStart = reservedBytes + tables * tableBytes;
  const dataStart = rootStart + rootBytes;
  const clusterBytes = boot.readUInt8(13) * fatSector;
  const clusters = Math.floor((shape.sizeBytes - dataStart) / clusterBytes);
  return {
    ...{ type: shape.type, reservedBytes, tables, tableBytes, rootStart, rootBytes },
    rootCluster: rootBytes > 0 ? 0 : boot.readUInt32LE(44),
    ...{ dataStart, clusterBytes, clusters },
  };
}

/** Follows chains and folders; what it meets is anybody's, so every way is bounded. */
export class FatTree {
  readonly #read: ReadAt;
  readonly #layout: FatLayout;
  readonly #table: Buffer;
  /** Clusters that may still be followed: a sound file system has each in one chain, and folders are followed twice. */
  #left: number;

  private constructor(read: ReadAt, { layout, table }: { layout: FatLayout; table: Buffer }) {
    this.#read = read;
    this.#layout = layout;
    this.#table = table;
    this.#left = 2 * layout.clusters;
  }

  /** @returns undefined where the table is too large to be looked at */
  static async open(read: ReadAt, layout: FatLayout): Promise<FatTree | undefined> {
    if (layout.tableBytes > maxTableBytes) return undefined;
    return new FatTree(read, { layout, table: await read(layout.reservedBytes, layout.tableBytes) });
  }

  /** Clusters of the chain that begins with `first`. */
  chain(first: number): number[] {
    const { clusters } = this.#layout;
    const found: number[] = [];
    for (let cluster = first; cluster >= 2 && cluster < clusters + 2 && this.#left > 0; this.#left -= 1) {
      found.push(cluster);
      cluster = this.#next(cluster);
    }
    return found;
  }

  /** All files and folders, each folder before what is in it. */
  async nodes(): Promise<FatNode[]> {
    const { rootStart, rootBytes, rootCluster } = this.#layout;
    const root = rootBytes > 0 ? await this.#read(rootStart, rootBytes) : await this.#content(rootCluster);
    const found: FatNode[] = [];
    await this.#walk({ folder: root, path: '', depth: 0 }, found);
    return found;
  }

  async #walk(at: { folder: Buffer; path: string; depth: number }, found: FatNode[]): Promise<void> {
    for (const entry of readFolder(at.folder)) {
      if (found.length > maxFiles) return;
      const path = `${at.path}/${entry.name}`;
      found.push({ path, entry, clusters: this.chain(entry.cluster) });
      if (!entry.isFolder || at.depth >= maxDepth) continue;
      await this.#walk({ folder: await this.#content(entry.cluster), path, depth: at.depth + 1 }, found);
    }
  }

  #next(cluster: number): number {
    const { type } = this.#layout;
    const table = this.#table;
    const at = type === 'FAT12' ? Math.floor(cluster * 1.5) : cluster * (type === 'FAT16' ? 2 : 4);
    if (at + (type === 'FAT32' ? 4 : 2) > table.length) return 0;
    if (type === 'FAT32') return table.readUInt32LE(at) & 0x0fffffff;
    const value = table.readUInt16LE(at);
    if (type === 'FAT16') return value;
    return cluster % 2 === 0 ? value & 0xfff : value >> 4;
  }

  async #content(first: number): Promise<Buffer> {
    const { dataStart, clusterBytes } = this.#layout;
    const parts: Buffer[] = [];
    for (const cluster of this.chain(first).slice(0, maxFolderClusters))
      parts.push(await this.#read(dataStart + (cluster - 2) * clusterBytes, clusterBytes));
    return Buffer.concat(parts);
  }
}
