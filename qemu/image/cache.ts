import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, rename, rm, utimes } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BuildRequest, BuiltImage } from '../../rig/contracts/image-builder.js';
import { guestFolder } from './guest-files.js';
import { bmapPathOf, manifestPathOf, readManifest } from './manifest.js';
import type { ResolvedPackage } from './packages.js';
import type { ImageKey } from './ssh-key.js';
import { type Tool, toolIdentity } from './toolbox.js';

export function imageName({
  flavour,
  extras = [],
  plant,
  arch,
  board,
  variant,
  version,
}: BuildRequest): string {
  return ['boardrig', flavour, ...extras, ...(plant ? [plant] : []), board ?? arch, variant, version].join(
    '-',
  );
}

export function imageFiles(
  folder: string,
  name: string,
): { image: string; imageName: string; bmap: string; manifest: string } {
  const image = join(folder, `${name}.img`);
  return { image, imageName: `${name}.img`, bmap: bmapPathOf(image), manifest: manifestPathOf(image) };
}

/** One hash of everything that decides an image: the builder's code, the request, packages, keys and this host's tools. */
export function inputsOf(
  request: BuildRequest,
  {
    key,
    certificate,
    packages,
    tools,
  }: {
    key: ImageKey;
    certificate: string;
    packages: readonly ResolvedPackage[];
    tools: readonly Tool[];
  },
): string {
  const { flavour, extras = [], plant = '', arch, board = '', variant, version } = request;
  return createHash('sha256')
    .update(
      JSON.stringify([
        builderHash(),
        flavour,
        extras,
        plant,
        arch,
        board,
        variant,
        version,
        packages,
        key.publicLine,
        certificate,
        toolIdentity(tools),
      ]),
    )
    .digest('hex');
}

/** The finished image of these inputs, if it is whole. */
export async function cachedImage(
  name: string,
  { inputs, cacheDir }: { inputs: string; cacheDir: string },
): Promise<BuiltImage | undefined> {
  const { image, bmap, manifest } = imageFiles(folderOf(cacheDir, inputs), name);
  if (!existsSync(image) || !existsSync(bmap)) return undefined;
  const found = await readManifest(image);
  if (!found) return undefined;
  // Its folder's time is the last time that somebody asked for it.
  const now = new Date();
  await utimes(dirname(image), now, now);
  const { arch, variant, version } = found;
  const { sha256, sizeBytes } = found.image;
  return {
    path: image,
    bmapPath: bmap,
    manifestPath: manifest,
    sha256,
    sizeBytes,
    arch,
    variant,
    version,
    cached: true,
  };
}

/**
 * Moves a finished image into its place in one step, so that nobody ever sees half of one. An image that is there
 * already and has the same content stays: a board may be running from it.
 *
 * @returns the folder where it is
 */
export async function publish(
  folder: string,
  { inputs, cacheDir }: { inputs: string; cacheDir: string },
): Promise<string> {
  const place = folderOf(cacheDir, inputs);
  await mkdir(dirname(place), { recursive: true });
  if (await moveTo(folder, place)) return place;
  if ((await contentOf(place)) === (await contentOf(folder))) return place;
  await moveTo(place, `${folder}.old`);
  if (!(await moveTo(folder, place)) && (await contentOf(place)) === undefined)
    throw new Error(`cannot move the finished image to ${place}`);
  return place;
}

/** @returns false when something is in the way */
async function moveTo(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    throw error;
  }
}

async function contentOf(folder: string): Promise<string | undefined> {
  const image = readdirSync(folder).find((file) => file.endsWith('.img'));
  return image && (await readManifest(join(folder, image)))?.image.sha256;
}

const unusedDays = 14;

/** Removes images of the same name that nobody has asked for in the last 14 days. */
export async function removeUnused(name: string, { cacheDir }: { cacheDir: string }): Promise<void> {
  const oldestMs = Date.now() - unusedDays * 24 * 3600 * 1000;
  const images = join(cacheDir, 'images');
  for (const entry of readdirSync(images)) {
    const folder = join(images, entry);
    if (!existsSync(join(folder, `${name}.img`)) || statSync(folder).mtimeMs > oldestMs) continue;
    await rm(folder, { recursive: true, force: true });
  }
}

function folderOf(cacheDir: string, inputs: string): string {
  return join(cacheDir, 'images', inputs.slice(0, 32));
}

let builder: string | undefined;

/** Changes with every change of the code that makes images and of the scripts that go into them. */
export function builderHash(): string {
  if (builder !== undefined) return builder;
  const hash = createHash('sha256');
  const code = dirname(fileURLToPath(import.meta.url));
  for (const folder of [code, guestFolder]) {
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.map'))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
    for (const file of entries) hash.update(`${relative(folder, file)}\0`).update(readFileSync(file));
  }
  builder = hash.digest('hex');
  return builder;
}
