import { RigError } from '../contracts/errors.js';
import type {
  BuildOptions,
  BuildRequest,
  BuiltBundle,
  BuiltImage,
  BundleRequest,
} from '../contracts/image-builder.js';

/** Builds a reference image, or a flasher image of it, or takes it from the cache. @throws as `buildImage`, and RigError `image.cache-unusable` */
export async function buildReferenceImage(
  request: BuildRequest,
  options: BuildOptions & { readonly flasher?: boolean },
): Promise<BuiltImage> {
  const build = options.flasher
    ? (await import('../../qemu/image/flasher.js')).buildFlasher
    : (await import('../../qemu/image/build.js')).buildImage;
  return inCache(options, () => build(request, options));
}

/** Builds an update of a reference image, or takes it from the cache. @throws as `buildBundle`, and RigError `image.cache-unusable` */
export async function buildReferenceBundle(
  request: BundleRequest,
  options: BuildOptions,
): Promise<BuiltBundle> {
  const { buildBundle } = await import('../../qemu/image/bundle/build-bundle.js');
  return inCache(options, () => buildBundle(request, options));
}

async function inCache<T>(options: BuildOptions, build: () => Promise<T>): Promise<T> {
  try {
    return await build();
  } catch (error) {
    const { code, path, message } = error as NodeJS.ErrnoException;
    // Only what the file system refused below the cache; anything else is a defect and shall look like one.
    if (error instanceof RigError || code === undefined || !path?.startsWith(options.cacheDir)) throw error;
    throw new RigError(`Cannot use the cache folder ${options.cacheDir}: ${message}`, {
      code: 'image.cache-unusable',
      blame: 'rig',
      hint: 'Set XDG_CACHE_HOME to a folder that you can write to, or correct the owner and the mode of this one.',
      cause: error,
    });
  }
}
