import { readFile, stat, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Architecture } from '../../rig/contracts/board.js';

/** What lies beside an image and says what is in it. */
export interface Manifest {
  readonly schema: 1;
  readonly flavour: 'tiny' | 'full';
  readonly arch: Architecture;
  /** The reference image, where it is not the first of its architecture. */
  readonly board?: string;
  readonly variant: 'dev' | 'prod';
  readonly version: string;
  readonly extras?: readonly string[];
  readonly slug: string;
  /** Of a flasher image: the sha256 of the image that it installs. */
  readonly flashes?: string;
  readonly revision: string;
  readonly image: {
    readonly file: string;
    readonly sha256: string;
    readonly sizeBytes: number;
    /** The image's time of modification when it was hashed: another one means another content. */
    readonly modifiedMs: number;
  };
  readonly packages: readonly { readonly name: string; readonly version: string; readonly sha256: string }[];
}

export function manifestPathOf(image: string): string {
  return `${image.replace(/\.img$/, '')}.manifest.json`;
}

export function bmapPathOf(image: string): string {
  return `${image.replace(/\.img$/, '')}.bmap`;
}

export async function writeManifest(file: string, manifest: Manifest): Promise<void> {
  await writeFile(file, `${JSON.stringify(manifest, null, 2)}\n`);
}

/**
 * The manifest beside `image`.
 *
 * @returns undefined when there is none, or the image was changed since it was written
 */
export async function readManifest(image: string): Promise<Manifest | undefined> {
  let data: unknown;
  try {
    data = JSON.parse(await readFile(manifestPathOf(image), 'utf8'));
  } catch {
    return undefined;
  }
  if (!isManifest(data) || data.image.file !== basename(image)) return undefined;
  const { size, mtimeMs } = await stat(image);
  const same = size === data.image.sizeBytes && Math.trunc(mtimeMs) === data.image.modifiedMs;
  return same ? data : undefined;
}

/** By hand rather than by a schema, whose library would have to be loaded before every boot. */
function isManifest(data: unknown): data is Manifest {
  if (!hasTexts(data, ['version', 'slug', 'revision'])) return false;
  const { schema, flavour, arch, variant, image, packages } = data as Partial<Manifest>;
  return (
    schema === 1 &&
    (flavour === 'tiny' || flavour === 'full') &&
    typeof arch === 'string' &&
    (variant === 'dev' || variant === 'prod') &&
    hasTexts(image, ['file', 'sha256']) &&
    typeof image.sizeBytes === 'number' &&
    typeof image.modifiedMs === 'number' &&
    Array.isArray(packages) &&
    packages.every((entry) => hasTexts(entry, ['name', 'version', 'sha256']))
  );
}

function hasTexts(data: unknown, keys: readonly string[]): data is Record<string, unknown> {
  return (
    typeof data === 'object' &&
    data !== null &&
    keys.every((key) => typeof (data as Record<string, unknown>)[key] === 'string')
  );
}
