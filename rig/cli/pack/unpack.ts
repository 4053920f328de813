import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { cacheDir } from '../../config/folders.js';
import type { Cancellable } from '../../contracts/capabilities.js';
import { startChild } from '../../lifetime/child-process.js';
import { sha256OfFile } from '../../lifetime/hash-file.js';
import { assertHarmlessMedia } from './check-media.js';
import { type PackManifest, packFile, parsePackManifest } from './format.js';
import { damaged, type Limits, readTar } from './tar-reader.js';
import { assertZstd } from './zstd.js';

export interface UnpackOptions extends Cancellable {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly progress: (line: string) => void;
  readonly limits?: Limits;
}

export interface Unpacked {
  readonly runDir: string;
  readonly imagesDir: string;
}

/**
 * Unpacks a pack, which anybody may have made, into the cache: once, as long as it is there. Nothing appears under its
 * name before all of it was found to be what it says.
 *
 * @throws RigError `pack.damaged`, `pack.unsafe`, `pack.too-large` (blame: config)
 */
export async function unpack(path: string, options: UnpackOptions): Promise<Unpacked> {
  const { env, signal, progress } = options;
  const packs = join(cacheDir(env), 'packs');
  const place = join(packs, (await sha256OfFile(path, { signal })).slice(0, 32));
  const unpacked = { runDir: join(place, 'run'), imagesDir: join(place, 'images') };
  if (existsSync(place)) {
    // Its folder's time is the last time that somebody asked for it.
    const now = new Date();
    await utimes(place, now, now);
    return unpacked;
  }
  await removeUnused(packs);
  progress(`Unpacking ${path} into ${place}`);
  const partial = `${place}.part-${process.pid}`;
  await mkdir(packs, { recursive: true, mode: 0o700 });
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { mode: 0o700 });
  try {
    const hashes = await extract(path, { folder: partial, limits: options.limits, signal });
    await settleImages(partial, { manifest: await manifestIn(partial), hashes });
    await assertHarmlessMedia(join(partial, 'run'));
    await rename(partial, place).catch((error: NodeJS.ErrnoException) => {
      // Somebody else was quicker with the same.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
    return unpacked;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** @returns the SHA-256 of each file by its path in the pack */
async function extract(
  path: string,
  { folder, limits, signal }: { folder: string; limits: Limits | undefined } & Cancellable,
): Promise<ReadonlyMap<string, string>> {
  assertZstd();
  const zstd = await startChild('/bin/sh', {
    args: ['-c', 'exec zstd -dcq -- "$0" >&3', path],
    sockets: 1,
  });
  const [bytes] = zstd.sockets;
  if (!bytes) throw new TypeError('no way to read from zstd');
  try {
    const hashes = await readTar(bytes as Readable, { folder, limits, signal });
    const { code } = await zstd.ended;
    if (code !== 0) throw damaged(zstd.stderr.lastLines(2).join('; ') || `zstd ended with ${code}`);
    return hashes;
  } finally {
    bytes.destroy();
    zstd.kill('SIGKILL');
    await zstd.ended;
  }
}

async function manifestIn(folder: string): Promise<PackManifest> {
  const text = await readFile(join(folder, packFile), 'utf8').catch(() => '');
  const manifest = parsePackManifest(text);
  if (!manifest) throw damaged(`${packFile} is not there, or not one that this version writes`);
  return manifest;
}

/** Each image is what its folder says; its time is put back, by which its own manifest knows it. */
async function settleImages(
  folder: string,
  { manifest, hashes }: { manifest: PackManifest; hashes: ReadonlyMap<string, string> },
): Promise<void> {
  for (const { path, sha256, modifiedMs } of manifest.images) {
    if (hashes.get(path) !== sha256) throw damaged(`${path} is not what it should be`);
    // In the middle of the millisecond: seconds as a fraction are not exact.
    const seconds = (modifiedMs + 0.5) / 1000;
    await utimes(join(folder, path), seconds, seconds);
  }
  for (const path of hashes.keys())
    if (path.startsWith('images/') && !/^images\/[0-9a-f]{64}\/[^/]+$/.test(path))
      throw damaged(`${JSON.stringify(dirname(path))} is no folder of an image`);
}

const unusedDays = 14;

/** What nobody asked for in that time, and what was left half-made. */
async function removeUnused(packs: string): Promise<void> {
  const oldestMs = Date.now() - unusedDays * 24 * 3600 * 1000;
  for (const name of await readdir(packs).catch(() => [])) {
    const path = join(packs, name);
    if ((await lastAskedMs(path)) < oldestMs) await rm(path, { recursive: true, force: true });
  }
}

/** Infinite for what is gone meanwhile: another process unpacks, renames and removes here too. */
async function lastAskedMs(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Number.POSITIVE_INFINITY;
    throw error;
  }
}
