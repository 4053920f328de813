import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { manifestPathOf, readManifest } from '../../../qemu/image/manifest.js';
import type { Cancellable, ImageFile } from '../../contracts/capabilities.js';
import { manifestName, parseManifest } from '../../contracts/snapshot.js';
import { findImage } from '../resume/find-image.js';
import { type PackManifest, packFile, packVersion } from './format.js';
import type { TarEntry } from './tar-writer.js';

export interface Contents {
  readonly entries: readonly TarEntry[];
  readonly boards: number;
  readonly images: number;
  /** Before packing. */
  readonly sizeBytes: number;
}

/**
 * What goes into the pack of the run in `dir`: its files, and each image that a kept board needs, once.
 *
 * @throws RigError `resume.image-gone`
 */
export async function packContents(
  dir: string,
  { run, cwd, env, signal }: { run: string; cwd: string; env: NodeJS.ProcessEnv } & Cancellable,
): Promise<Contents> {
  const entries: TarEntry[] = [];
  const needed = new Map<string, ImageFile>();
  let boards = 0;
  for (const path of await plainFiles(dir)) {
    entries.push(await entryOf(join(dir, path), `run/${path}`));
    if (basename(path) !== manifestName) continue;
    boards += 1;
    const image = parseManifest(await readFile(join(dir, path), 'utf8'))?.medium?.image;
    if (image) needed.set(image.sha256, image);
  }
  const images: PackManifest['images'][number][] = [];
  for (const wanted of needed.values()) {
    const { path } = await findImage(wanted, { cwd, env, signal });
    const packed = `images/${wanted.sha256}/${basename(path)}`;
    entries.push(await entryOf(path, packed));
    images.push({ path: packed, sha256: wanted.sha256, modifiedMs: Math.trunc((await stat(path)).mtimeMs) });
    if (await readManifest(path)) {
      const manifest = manifestPathOf(path);
      entries.push(await entryOf(manifest, `${dirname(packed)}/${basename(manifest)}`));
    }
  }
  const text = `${JSON.stringify({ version: packVersion, run, images } satisfies PackManifest, null, 2)}\n`;
  const sizeBytes = entries.reduce((sum, { from }) => sum + ('file' in from ? from.sizeBytes : 0), 0);
  const head: TarEntry = { path: packFile, from: { bytes: Buffer.from(text) }, modified: new Date() };
  return { entries: [head, ...entries], boards, images: images.length, sizeBytes };
}

async function entryOf(file: string, path: string): Promise<TarEntry> {
  const { size, mtime } = await stat(file);
  return { path, from: { file, sizeBytes: size }, modified: mtime };
}

/** Relative to `dir`, in order. No link, no half-made snapshot of a run that was killed: `.NAME.part-PID-…`. */
async function plainFiles(dir: string): Promise<string[]> {
  const found: string[] = [];
  const look = async (under: string): Promise<void> => {
    const entries = await readdir(join(dir, under), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = under === '' ? entry.name : `${under}/${entry.name}`;
      if (/^\..*\.part/.test(entry.name)) continue;
      if (entry.isDirectory()) await look(path);
      else if (entry.isFile()) found.push(path);
    }
  };
  await look('');
  return found;
}
