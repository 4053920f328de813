import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { BuiltBundle, BundleRequest } from '../../../rig/contracts/image-builder.js';
import { builderHash } from '../cache.js';
import { type Tool, toolIdentity } from '../toolbox.js';

/** What is known of a finished bundle; it lies beside it. */
export type BundleFacts = Omit<BuiltBundle, 'path' | 'cached'>;

export function bundleName(
  image: string,
  { fault, compatible, signer }: Pick<BundleRequest, 'fault' | 'compatible' | 'signer'>,
): string {
  const parts = [
    basename(image, '.img'),
    fault,
    compatible && 'other-compatible',
    signer === 'stranger' ? signer : undefined,
  ];
  return `${parts.filter((part) => part !== undefined).join('-')}.raucb`;
}

/** One hash of everything that decides a bundle. */
export function bundleInputs(decides: {
  readonly imageHash: string;
  readonly compatible: string;
  readonly certificate: string;
  readonly version: string;
  readonly fault: string | undefined;
  readonly tools: readonly Tool[];
}): string {
  const { tools, ...rest } = decides;
  return createHash('sha256')
    .update(JSON.stringify([builderHash(), rest, toolIdentity(tools)]))
    .digest('hex');
}

interface Place {
  readonly inputs: string;
  readonly name: string;
  readonly cacheDir: string;
}

/** The finished bundle of these inputs, if it is whole. */
export async function cachedBundle({ inputs, name, cacheDir }: Place): Promise<BuiltBundle | undefined> {
  const path = join(folderOf(cacheDir, inputs), name);
  const facts = await readFacts(path);
  if (!facts || !existsSync(path) || (await stat(path)).size !== facts.sizeBytes) return undefined;
  // Its folder's time is the last time that somebody asked for it.
  const now = new Date();
  await utimes(dirname(path), now, now);
  return { path, ...facts, cached: true };
}

/** Moves a finished bundle into its place in one step. One that is there already has the same inputs, and stays. */
export async function publishBundle(
  file: string,
  { facts, inputs, name, cacheDir }: Place & { readonly facts: BundleFacts },
): Promise<BuiltBundle> {
  const folder = `${dirname(file)}/finished`;
  await mkdir(folder);
  await rename(file, join(folder, name));
  await writeFile(factsPath(join(folder, name)), `${JSON.stringify(facts, null, 2)}\n`);
  const place = folderOf(cacheDir, inputs);
  await mkdir(dirname(place), { recursive: true });
  try {
    await rename(folder, place);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    if (!(await cachedBundle({ inputs, name, cacheDir }))) {
      await rm(place, { recursive: true, force: true });
      await rename(folder, place);
    }
  }
  return { path: join(place, name), ...facts, cached: false };
}

const unusedDays = 14;

/** Removes bundles that nobody has asked for in the last 14 days. */
export async function removeUnusedBundles(cacheDir: string): Promise<void> {
  const oldestMs = Date.now() - unusedDays * 24 * 3600 * 1000;
  const bundles = join(cacheDir, 'bundles');
  for (const name of await readdir(bundles)) {
    const folder = join(bundles, name);
    if ((await stat(folder)).mtimeMs < oldestMs) await rm(folder, { recursive: true, force: true });
  }
}

function folderOf(cacheDir: string, inputs: string): string {
  return join(cacheDir, 'bundles', inputs.slice(0, 32));
}

function factsPath(bundle: string): string {
  return join(dirname(bundle), `${basename(bundle, '.raucb')}.json`);
}

async function readFacts(bundle: string): Promise<BundleFacts | undefined> {
  try {
    return JSON.parse(await readFile(factsPath(bundle), 'utf8')) as BundleFacts;
  } catch {
    return undefined;
  }
}
