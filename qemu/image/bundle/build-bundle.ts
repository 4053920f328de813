import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  BuildOptions,
  BuiltBundle,
  BuiltImage,
  BundleRequest,
} from '../../../rig/contracts/image-builder.js';
import { buildImage, makeWorkDir } from '../build.js';
import { diskFull, isDiskFull } from '../disk-full.js';
import { recipeOf } from '../recipes.js';
import { type SigningKey, signingKey } from '../signing-key.js';
import { requireTools, type Tool, Toolbox } from '../toolbox.js';
import { compatibleOf } from '../update-files.js';
import {
  bundleInputs,
  bundleName,
  cachedBundle,
  publishBundle,
  removeUnusedBundles,
} from './bundle-cache.js';
import { injectFault } from './faults.js';
import { copyRoot } from './root-partition.js';
import { hashFile, writeBundle } from './write-bundle.js';

/** Programs of this host that make a bundle. */
const bundleTools: readonly Tool[] = ['debugfs', 'mksquashfs', 'openssl'];

/**
 * An update to the root of the image of `request`, as a signed RAUC bundle: the finished one of the cache, or a new one. The image is built first
 * when the cache has none.
 *
 * @throws RigError `image.no-such-fault`, `image.no-root` (blame: config); as `buildImage`
 */
export async function buildBundle(request: BundleRequest, options: BuildOptions): Promise<BuiltBundle> {
  const { cacheDir, signal } = options;
  const { fault, compatible, signer, ...imageRequest } = request;
  const image = await buildImage(imageRequest, options);
  const key = await signingKey(cacheDir, { signer, signal });
  const wanted = { ...request, compatible: compatible ?? compatibleOf(recipeOf(imageRequest).slug) };
  const place = {
    name: bundleName(request),
    inputs: bundleInputs({
      imageHash: image.sha256,
      compatible: wanted.compatible,
      certificate: key.certificate,
      version: request.version,
      fault,
      tools: bundleTools,
    }),
    cacheDir,
  };
  const found = options.noCache ? undefined : await cachedBundle(place);
  if (found) return found;
  requireTools(bundleTools);
  try {
    return await build(wanted, { image, key, place, options });
  } catch (error) {
    throw isDiskFull(error) ? diskFull(error) : error;
  }
}

async function build(
  request: BundleRequest & { readonly compatible: string },
  {
    image,
    key,
    place,
    options,
  }: {
    image: BuiltImage;
    key: SigningKey;
    place: { name: string; inputs: string; cacheDir: string };
    options: BuildOptions;
  },
): Promise<BuiltBundle> {
  const { signal, progress = () => {} } = options;
  const { fault, flavour, compatible, version } = request;
  const workDir = await makeWorkDir(join(place.cacheDir, 'work'));
  try {
    const tools = new Toolbox({ workDir, signal });
    progress('making the bundle');
    const root = join(workDir, 'root');
    await copyRoot(image.path, { to: root, sizeBytes: image.sizeBytes, signal });
    if (fault) await injectFault(root, { fault, flavour, workDir, tools });
    const file = join(workDir, 'bundle');
    await writeBundle(file, { root, compatible, version, signerFile: key.file, workDir, tools, signal });
    const { size: sizeBytes } = await stat(file);
    const facts = { version, compatible, sizeBytes, sha256: await hashFile(file, { signal }) };
    await mkdir(join(place.cacheDir, 'bundles'), { recursive: true });
    await removeUnusedBundles(place.cacheDir);
    return await publishBundle(file, { ...place, facts });
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}
