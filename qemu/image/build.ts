import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RigError } from '../../rig/contracts/errors.js';
import type { BuildOptions, BuildRequest, BuiltImage } from '../../rig/contracts/image-builder.js';
import { readProcessStat } from '../../rig/lifetime/process-stat.js';
import { cachedImage, imageName, inputsOf, publish, removeUnused } from './cache.js';
import { diskFull, isDiskFull } from './disk-full.js';
import { fetchPackages, type PackageRequest, recordedPackages } from './packages.js';
import type { Recipe } from './recipe.js';
import { recipeOf } from './recipes.js';
import { signingKey } from './signing-key.js';
import { imageKey } from './ssh-key.js';
import { requireTools, Toolbox } from './toolbox.js';

/**
 * The reference OS for `request`: the finished image of the cache, or a new one. Needs no root, no loop devices, and
 * no network once its packages are in the cache.
 *
 * @throws RigError `image.tool-missing`, `image.no-network`, `image.no-sources`, `image.missing-package`,
 *   `image.damaged-package`, `image.disk-full` (blame: rig), `image.bad-version` (config); the signal's reason
 */
export async function buildImage(request: BuildRequest, options: BuildOptions): Promise<BuiltImage> {
  checkVersion(request.version);
  const recipe = recipeOf(request);
  try {
    await mkdir(options.cacheDir, { recursive: true });
    return await build(request, recipe, options);
  } catch (error) {
    throw isDiskFull(error) ? diskFull(error) : error;
  }
}

async function build(request: BuildRequest, recipe: Recipe, options: BuildOptions): Promise<BuiltImage> {
  const { cacheDir, signal, progress = () => {} } = options;
  const wanted: PackageRequest = {
    arch: request.arch,
    names: recipe.packages,
    kernelPackage: recipe.kernelPackage,
    cacheDir,
  };
  const key = await imageKey(cacheDir);
  const { certificate } = await signingKey(cacheDir, { signal });
  const recorded = options.refresh ? undefined : await recordedPackages(wanted);
  if (recorded && !options.noCache) {
    const found = await cached(request, {
      key,
      certificate,
      packages: recorded,
      tools: recipe.tools,
      cacheDir,
    });
    if (found) return found;
  }
  signal?.throwIfAborted();
  requireTools(recipe.tools);
  // All that makes images is loaded only for that: a run of a cached one begins by asking for it.
  const { makeImage } = await import('./make-image.js');
  // Beside the cache's other folders, since a finished image is renamed into its place.
  const workDir = await makeWorkDir(join(cacheDir, 'work'));
  try {
    const tools = new Toolbox({ workDir, signal });
    const packages = recorded ?? (await fetchPackages({ ...wanted, workDir, tools, progress }));
    if (!options.noCache) {
      const found = await cached(request, { key, certificate, packages, tools: recipe.tools, cacheDir });
      if (found) return found;
    }
    const inputs = inputsOf(request, { key, certificate, packages, tools: recipe.tools });
    const made = await makeImage({
      request,
      recipe,
      key,
      certificate,
      packages,
      inputs,
      cacheDir,
      workDir,
      tools,
      progress,
      signal,
    });
    const folder = await publish(made.folder, { inputs, cacheDir });
    await removeUnused(imageName(request), { cacheDir });
    return { ...made.facts(folder), sshKeyFile: key.privateFile, cached: false };
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

const abandonedMs = 3600 * 1000;

/**
 * A folder for one build, named after our process. Those of builds that were killed are removed, after a while: a
 * process of another container may share the cache, and is not seen here.
 */
export async function makeWorkDir(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    const pid = Number(/^build-(\d+)-/.exec(name)?.[1]);
    const { mtimeMs } = await stat(join(folder, name));
    if (readProcessStat(pid) || Date.now() - mtimeMs < abandonedMs) continue;
    await rm(join(folder, name), { recursive: true, force: true });
  }
  return await mkdtemp(join(folder, `build-${process.pid}-`));
}

async function cached(
  request: BuildRequest,
  { cacheDir, ...known }: Parameters<typeof inputsOf>[1] & { cacheDir: string },
): Promise<BuiltImage | undefined> {
  const found = await cachedImage(imageName(request), {
    inputs: inputsOf(request, known),
    cacheDir,
  });
  return found && { ...found, sshKeyFile: known.key.privateFile, cached: true };
}

/** It becomes part of file names and of a shell file. */
function checkVersion(version: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9.+~-]{0,63}$/.test(version)) return;
  throw new RigError(`Cannot build an image of version ${JSON.stringify(version)}`, {
    code: 'image.bad-version',
    blame: 'config',
    hint: 'A version has letters, digits and . + ~ - and begins with a letter or digit.',
  });
}
