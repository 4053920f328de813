import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ImageFacts } from '../../../qemu/image/inspect.js';
import { cacheDir } from '../../config/folders.js';
import type { Cancellable, ImageFile } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import { isFile } from '../find-run.js';

export interface FindImageOptions extends Cancellable {
  /** What a person gave: that one, or an error. */
  readonly given?: string | undefined;
  /** Folders of images, each below a folder of its own: those that came in a pack. */
  readonly folders?: readonly string[] | undefined;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * The image that a board ran from: where it was, else in the cache. Its content is what counts.
 *
 * @throws RigError `resume.image-gone`, `resume.other-image` (blame: config)
 */
export async function findImage(wanted: ImageFile, options: FindImageOptions): Promise<ImageFacts> {
  const { given, cwd, env, folders = [], signal } = options;
  const { inspectImage } = await import('../../../qemu/image/inspect.js');
  if (given !== undefined) {
    const image = await inspectImage(resolve(cwd, given), { signal });
    if (image.sha256 === wanted.sha256) return image;
    throw new RigError(`${given} is not the image that the board ran: ${differs(image, wanted)}`, {
      code: 'resume.other-image',
      blame: 'config',
      hint: `It ran ${wanted.path}: give a copy of that one.`,
      evidence: { wanted: wanted.sha256, found: image.sha256 },
    });
  }
  const looked: string[] = [];
  for (const path of [...(await imagesIn(folders)), wanted.path]) {
    if (!(await isFile(path))) looked.push(`${path} is not there`);
    else {
      const image = await inspectImage(path, { signal });
      if (image.sha256 === wanted.sha256) return image;
      if (path === wanted.path) looked.push(`${path} is another one now: ${differs(image, wanted)}`);
    }
  }
  const { readManifest } = await import('../../../qemu/image/manifest.js');
  const cache = join(cacheDir(env), 'images');
  for (const path of await imagesIn([cache]))
    if ((await readManifest(path))?.image.sha256 === wanted.sha256) return inspectImage(path, { signal });
  looked.push(`${cache} has none of this hash`);
  throw new RigError(`Cannot find the image that the board ran: ${looked.join('; ')}`, {
    code: 'resume.image-gone',
    blame: 'config',
    hint: `Give it with --image FILE; its sha256 is ${wanted.sha256}.`,
    evidence: { sha256: wanted.sha256, path: wanted.path },
  });
}

/** `FOLDER/ANY/NAME.img` */
async function imagesIn(folders: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const folder of folders)
    for (const inner of await readdir(folder).catch(() => []))
      for (const name of await readdir(join(folder, inner)).catch(() => []))
        if (!/\.(json|bmap|key|pub)$/.test(name)) found.push(join(folder, inner, name));
  return found;
}

function differs(found: ImageFile, wanted: ImageFile): string {
  return `sha256 ${found.sha256.slice(0, 12)}… instead of ${wanted.sha256.slice(0, 12)}…`;
}
