import { constants } from 'node:fs';
import { copyFile, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import { blockRanges, bmapBlockBytes, hashImage, writeBmap } from './bmap.js';
import type { BlockRange } from './ext4.js';
import { bmapPathOf, type Manifest, manifestPathOf } from './manifest.js';

/** What lay beside an image before it was changed, and is true of the changed one only after `write`. */
export interface Sidecars {
  write(
    changed: { readonly path: string; readonly ranges: readonly BlockRange[] } & Cancellable,
  ): Promise<void>;
}

/**
 * The block map, manifest and ssh key beside `image`; read before the image is changed. A block map of another block size
 * than 4 KiB cannot be carried over: it is left out, and whoever writes the image makes one.
 */
export async function readSidecars(
  image: string,
  {
    manifest,
    sshKeyFile,
  }: { readonly manifest: Manifest | undefined; readonly sshKeyFile?: string | undefined },
): Promise<Sidecars> {
  const bmap = await textOf(bmapPathOf(image));
  const mapped = bmap === undefined ? undefined : rangesOf(bmap);
  return {
    async write({ path, ranges, signal }) {
      const map = mapped && blockRanges([...mapped, ...ranges]);
      const hashes = await hashImage(path, map ?? [], { signal });
      const { size, mtimeMs } = await stat(path);
      if (map)
        await replaceText(bmapPathOf(path), writeBmap(map, { imageBytes: size, hashes: hashes.ranges }));
      else await rm(bmapPathOf(path), { force: true });
      if (!manifest) return;
      const image = {
        file: basename(path),
        sha256: hashes.sha256,
        sizeBytes: size,
        modifiedMs: Math.trunc(mtimeMs),
      };
      await replaceText(manifestPathOf(path), `${JSON.stringify({ ...manifest, image }, null, 2)}\n`);
      const key = path.replace(/\.img$/, '.key');
      if (sshKeyFile !== undefined && key !== path && key !== sshKeyFile) {
        await rm(key, { force: true });
        await copyFile(sshKeyFile, key, constants.COPYFILE_EXCL);
      }
    },
  };
}

/** The mapped byte ranges of a block map, or undefined for one that is not understood. */
function rangesOf(bmap: string): BlockRange[] | undefined {
  if (Number(/<BlockSize>\s*(\d+)\s*</.exec(bmap)?.[1]) !== bmapBlockBytes) return undefined;
  const ranges = [...bmap.matchAll(/<Range[^>]*>\s*(\d+)(?:-(\d+))?\s*</g)].map(
    ([, first, last = first]) => ({
      first: Number(first) * bmapBlockBytes,
      last: (Number(last) + 1) * bmapBlockBytes - 1,
    }),
  );
  return ranges.length > 0 ? ranges : undefined;
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}

async function replaceText(path: string, text: string): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.part-${process.pid}`);
  try {
    {
      await using file = await open(draft, 'w');
      await file.writeFile(text);
      await file.sync();
    }
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}
