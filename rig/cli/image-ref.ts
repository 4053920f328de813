import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ImageFacts } from '../../qemu/image/inspect.js';
import { cacheDir } from '../config/folders.js';
import type { BoardConfig, Image } from '../contracts/board.js';
import { RigError } from '../contracts/errors.js';
import { installsItself } from '../core/provision/method.js';
import { buildReferenceImage } from './build-image.js';

/** Version that reference images carry unless another is asked for. */
export const referenceVersion = '1.0.0';

export interface ImageRequest {
  /** `tiny`, `tiny:prod`, `full+engine:prod`, or a path; absent: the reference image, where the board type has one. */
  readonly ref: string | undefined;
  readonly variant?: 'dev' | 'prod' | undefined;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

/**
 * The image that a reference means for `board`: a reference OS (built when the cache has none) or a file of
 * somebody's own.
 *
 * @returns undefined for a board that boots a given kernel, or a real one whose medium is left as it is; a string
 *   when there is no such variant, as the reason to skip what needs it
 * @throws RigError `image.missing`, `image.unknown-flavour`, `image.not-raw`, `image.wrong-architecture` (blame: config)
 */
export async function resolveImage(
  board: BoardConfig,
  request: ImageRequest,
): Promise<Image | undefined | string> {
  const { ref, variant } = request;
  const machine = board.type.machine;
  if (machine && machine.disk === undefined) {
    return variant === undefined
      ? undefined
      : `${board.type.name} boots a given kernel, so it has no image variants`;
  }
  const reference = /^(tiny|full)(?:\+(\w+))?(?::(\w+))?$/.exec(ref ?? (machine ? 'tiny' : ''));
  if (reference && !(ref !== undefined && existsSync(resolve(request.cwd, ref)))) {
    const [, flavour, extra, named] = reference;
    return buildReference(board, request, { flavour: flavour === 'full' ? 'full' : 'tiny', extra, named });
  }
  if (ref === undefined) return undefined;
  const image = await inspect(resolve(request.cwd, ref), ref);
  if (image.arch !== undefined && image.arch !== board.type.arch) {
    throw new RigError(
      `Image ${ref} is for ${image.arch}, but board ${board.name} (${board.type.name}) is ${board.type.arch}`,
      {
        code: 'image.wrong-architecture',
        blame: 'config',
        hint: 'Choose another --board or another --image; rig image inspect tells what an image is.',
      },
    );
  }
  if (variant !== undefined && image.variant !== variant) {
    return `${ref} is ${image.variant === undefined ? 'an image that names no variant' : `the ${image.variant} variant`}`;
  }
  return image;
}

async function buildReference(
  board: BoardConfig,
  request: ImageRequest,
  {
    flavour,
    extra,
    named,
  }: { flavour: 'tiny' | 'full'; extra: string | undefined; named: string | undefined },
): Promise<Image> {
  const { arch, image } = board.type;
  if (named !== undefined && named !== 'dev' && named !== 'prod') {
    throw new RigError(`Unknown image variant "${named}" in "${request.ref}"`, {
      code: 'image.unknown-variant',
      blame: 'config',
      hint: `Use ${flavour}:dev or ${flavour}:prod.`,
    });
  }
  if (extra !== undefined && extra !== 'engine') {
    throw new RigError(`Unknown extra "${extra}" in "${request.ref}"`, {
      code: 'image.unknown-extra',
      blame: 'config',
      hint: 'Use full or full+engine.',
    });
  }
  return buildReferenceImage(
    {
      flavour,
      arch,
      ...(image === undefined ? {} : { board: image }),
      variant: request.variant ?? named ?? 'dev',
      version: referenceVersion,
      ...(extra === undefined ? {} : { extras: [extra] }),
    },
    {
      cacheDir: cacheDir(request.env),
      flasher: installsItself(board.type),
      signal: request.signal,
      progress: request.progress,
    },
  );
}

function notADisk({ format, sizeBytes }: ImageFacts): string | undefined {
  if (format === 'raw') return undefined;
  if (format !== 'unknown') return `it is packed as ${format}`;
  // A bare file system has no partition table either, but it has whole sectors.
  return sizeBytes > 0 && sizeBytes % 512 === 0
    ? undefined
    : `its ${sizeBytes} bytes are no whole number of sectors of 512`;
}

async function inspect(path: string, ref: string): Promise<Image> {
  if (!existsSync(path) || !statSync(path).isFile()) {
    throw new RigError(`Cannot find image "${ref}": there is no file ${path}`, {
      code: 'image.missing',
      blame: 'config',
      hint: 'Give a path to a disk image, or tiny, tiny:prod, full or full+engine for a reference OS.',
    });
  }
  const { inspectImage } = await import('../../qemu/image/inspect.js');
  const image = await inspectImage(path);
  const why = notADisk(image);
  if (why === undefined) return image;
  throw new RigError(`Image ${ref} is no raw disk image: ${why}`, {
    code: 'image.not-raw',
    blame: 'config',
    hint: why.startsWith('it is packed')
      ? 'Unpack it first, for example with xz -d, zstd -d or qemu-img convert -O raw.'
      : 'rig image inspect tells what a file is; dd or qemu-img convert -O raw makes a disk image.',
  });
}
