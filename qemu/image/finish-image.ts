import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import { blockRanges, hashImage, writeBmap } from './bmap.js';
import { imageFiles } from './cache.js';
import { type DiskPart, writeDisk } from './disk.js';
import { type Manifest, writeManifest } from './manifest.js';
import type { RawBytes } from './recipe.js';

export interface FinishOptions extends Cancellable {
  readonly name: string;
  readonly parts: readonly DiskPart[];
  readonly sectors?: readonly RawBytes[] | undefined;
  readonly diskGuid: string;
  readonly tableEntries?: number | undefined;
  readonly manifest: Omit<Manifest, 'schema' | 'image'>;
  readonly workDir: string;
}

/** In a folder of its own, to be published. */
export interface FinishedImage {
  readonly folder: string;
  readonly image: Manifest['image'];
}

/** Puts partitions together to an image with its block map and manifest. */
export async function finishImage(options: FinishOptions): Promise<FinishedImage> {
  const { name, parts, sectors, diskGuid, tableEntries, workDir, signal } = options;
  const folder = join(workDir, 'image');
  await mkdir(folder);
  const files = imageFiles(folder, name);
  const disk = await writeDisk(files.image, { parts, sectors, diskGuid, tableEntries, signal });
  const ranges = blockRanges(disk.used);
  const hashes = await hashImage(files.image, ranges, { signal });
  await writeFile(files.bmap, writeBmap(ranges, { imageBytes: disk.sizeBytes, hashes: hashes.ranges }));
  await chmod(files.image, 0o444);
  const { mtimeMs } = await stat(files.image);
  const image = {
    file: files.imageName,
    sha256: hashes.sha256,
    sizeBytes: disk.sizeBytes,
    modifiedMs: Math.trunc(mtimeMs),
  };
  await writeManifest(files.manifest, { schema: 1, ...options.manifest, image });
  return { folder, image };
}
