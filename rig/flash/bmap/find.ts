import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import { packedEndings } from '../source/formats.js';
import { isAddress } from '../source/open-source.js';
import type { BlockMap } from './block-map.js';
import { maxBmapBytes, parseBmap } from './parse.js';

export interface FindOptions extends Cancellable {
  readonly cwd: string;
}

/** The block map at a path or an address. @throws RigError `flash.bmap-missing`, `flash.bmap-invalid` (blame: config) */
export async function readBmap(ref: string, options: FindOptions): Promise<BlockMap> {
  const file = await load(ref, options);
  if (file) return parseBmap(file, ref);
  throw new RigError(`There is no block map ${ref}, or it is too large to be one`, {
    code: 'flash.bmap-missing',
    blame: 'config',
    hint: 'Leave --bmap out to look for one beside the image.',
  });
}

/** The one beside an image, by the names that bmaptool looks for: of `a.img.gz` they are `a.img.gz.bmap`, `a.img.bmap`, `a.bmap`. */
export async function findBmap(image: string, options: FindOptions): Promise<BlockMap | undefined> {
  if (image === '-') return undefined;
  for (const ref of bmapNames(image)) {
    const file = await load(ref, options);
    // Many servers answer any name with a page of theirs.
    if (file && (!isAddress(ref) || file.includes('<bmap'))) return parseBmap(file, ref);
  }
  return undefined;
}

export function bmapNames(image: string): string[] {
  const [, path = image, query = ''] = isAddress(image) ? (/^([^?#]*)(.*)$/.exec(image) ?? []) : [];
  const packed = packedEndings.find((ending) => path.toLowerCase().endsWith(`.${ending}`));
  const inner = packed === undefined ? path : path.slice(0, -packed.length - 1);
  const bare = inner.replace(/\.[^./]*$/, '');
  return [...new Set([path, inner, bare])].map((name) => `${name}.bmap${query}`);
}

async function load(ref: string, { cwd, signal }: FindOptions): Promise<Buffer | undefined> {
  if (isAddress(ref))
    return await (await import('../source/http.js')).fetchSmall(ref, { maxBytes: maxBmapBytes, signal });
  const path = resolve(cwd, ref);
  try {
    const { size } = await stat(path);
    return size > maxBmapBytes ? undefined : await readFile(path, { signal });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
