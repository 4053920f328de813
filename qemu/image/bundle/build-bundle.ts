import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RigError } from '../../../rig/contracts/errors.js';
import type { BuildOptions, BuiltBundle, BundleRequest } from '../../../rig/contracts/image-builder.js';
import { buildImage, makeWorkDir } from '../build.js';
import { diskFull, isDiskFull } from '../disk-full.js';
import { inspectImage } from '../inspect.js';
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

export type BundleChoice = Pick<BundleRequest, 'fault' | 'compatible' | 'signer'>;

/** The image whose root a bundle carries. */
interface Source {
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly version: string;
  readonly flavour: 'tiny' | 'full';
  readonly slug: string;
}

/**
 * An update to the root of the image of `request`, as a signed RAUC bundle: the finished one of the cache, or a new one. The image is built first
 * when the cache has none.
 *
 * @throws RigError `image.no-such-fault` (blame: config); as `buildImage`
 */
export async function buildBundle(request: BundleRequest, options: BuildOptions): Promise<BuiltBundle> {
  const { fault, compatible, signer, ...imageRequest } = request;
  // Only the bundle is made anew on demand.
  const { path, sha256, sizeBytes } = await buildImage(imageRequest, { ...options, noCache: false });
  const { flavour, version } = request;
  const { slug } = recipeOf(imageRequest);
  return bundleOf({ path, sha256, sizeBytes, version, flavour, slug }, { ...request, options });
}

/**
 * The same for the image file of a reference OS, which a person may have changed.
 *
 * @throws RigError `image.no-root`, `image.no-such-fault` (blame: config), and what `inspectImage` throws
 */
export async function buildBundleOf(
  image: string,
  choice: BundleChoice & { readonly options: BuildOptions },
): Promise<BuiltBundle> {
  const { path, sha256, sizeBytes, osRelease } = await inspectImage(image, choice.options);
  const { ID, VERSION_ID: version, FLAVOUR: flavour, SLUG: slug } = osRelease ?? {};
  if (ID !== 'boardrig' || !version || !slug || (flavour !== 'tiny' && flavour !== 'full')) {
    throw new RigError(`Cannot make a bundle of ${image}: it is no image of the reference OS`, {
      code: 'image.no-root',
      blame: 'config',
      hint: 'Bundles are made of images that rig image build made; rig image inspect tells what an image is.',
    });
  }
  return bundleOf({ path, sha256, sizeBytes, version, flavour, slug }, choice);
}

async function bundleOf(
  source: Source,
  { fault, compatible, signer, options }: BundleChoice & { readonly options: BuildOptions },
): Promise<BuiltBundle> {
  const { cacheDir, signal } = options;
  const key = await signingKey(cacheDir, { signer, signal });
  const facts = { version: source.version, compatible: compatible ?? compatibleOf(source.slug) };
  const place = {
    name: bundleName(source.path, { fault, compatible, signer }),
    inputs: bundleInputs({
      ...facts,
      imageHash: source.sha256,
      certificate: key.certificate,
      fault,
      tools: bundleTools,
    }),
    cacheDir,
  };
  const found = options.noCache ? undefined : await cachedBundle(place);
  if (found) return found;
  requireTools(bundleTools);
  try {
    return await build({ source, fault, key, ...facts }, { place, options });
  } catch (error) {
    throw isDiskFull(error) ? diskFull(error) : error;
  }
}

async function build(
  bundle: {
    readonly source: Source;
    readonly fault: BundleRequest['fault'];
    readonly key: SigningKey;
    readonly version: string;
    readonly compatible: string;
  },
  { place, options }: { place: { name: string; inputs: string; cacheDir: string }; options: BuildOptions },
): Promise<BuiltBundle> {
  const { signal, progress = () => {} } = options;
  const { source, fault, key, version, compatible } = bundle;
  const workDir = await makeWorkDir(join(place.cacheDir, 'work'));
  try {
    const tools = new Toolbox({ workDir, signal });
    progress('making the bundle');
    const root = join(workDir, 'root');
    await copyRoot(source.path, { to: root, sizeBytes: source.sizeBytes, signal });
    if (fault) await injectFault(root, { fault, flavour: source.flavour, workDir, tools });
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
