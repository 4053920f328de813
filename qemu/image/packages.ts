import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RigError } from '../../rig/contracts/errors.js';
import { sha256OfFile } from '../../rig/lifetime/hash-file.js';
import { isDiskFull } from './disk-full.js';
import { PrivateApt } from './private-apt.js';
import type { Toolbox } from './toolbox.js';

/** One package of the resolved set; the hash is the one that the archive's signed lists vouch for. */
export interface ResolvedPackage {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
}

export interface PackageRequest {
  readonly arch: string;
  readonly names: readonly string[];
  /** A package without files that depends on the newest kernel. */
  readonly kernelPackage: string;
  /** The same of its headers, with what a module is built with. */
  readonly kernelHeaders?: string;
  readonly cacheDir: string;
}

export interface FetchOptions extends PackageRequest {
  readonly workDir: string;
  readonly tools: Toolbox;
  readonly progress: (line: string) => void;
}

/** What an earlier build resolved, if every package of it is still in the cache. It needs no network. */
export async function recordedPackages(request: PackageRequest): Promise<ResolvedPackage[] | undefined> {
  let text: string;
  try {
    text = await readFile(recordFile(request), 'utf8');
  } catch {
    return undefined;
  }
  const packages = JSON.parse(text) as ResolvedPackage[];
  return packages.every((one) => existsSync(packageFile(request.cacheDir, one))) ? packages : undefined;
}

/**
 * Asks the archive which versions are current, and downloads those that the cache lacks. apt checks each against the
 * signed lists.
 *
 * @throws RigError `image.no-network`, `image.missing-package`, `image.no-sources`
 */
export async function fetchPackages(options: FetchOptions): Promise<ResolvedPackage[]> {
  const { arch, tools, workDir, progress, cacheDir } = options;
  const apt = await PrivateApt.create(join(workDir, 'apt'), { arch, tools });
  progress(`reading Debian's package lists for ${arch}`);
  await reaching("read Debian's package lists", () => apt.update(progress));
  const names = [...options.names, ...(await kernelOf(apt, options))];
  const found = await current(apt, names, { cwd: workDir });
  const missing = found.filter((one) => !existsSync(packageFile(cacheDir, one)));
  if (missing.length > 0) {
    const mebibytes = Math.ceil(missing.reduce((sum, { bytes }) => sum + bytes, 0) / 2 ** 20);
    progress(`downloading ${missing.length} packages (${mebibytes} MB)`);
    const folder = join(workDir, 'downloads');
    await mkdir(folder);
    const wanted = missing.map(({ name, version }) => `${name}=${version}`);
    await reaching('download packages', () => apt.run(['download', '-q', ...wanted], { cwd: folder }));
    for (const one of missing) {
      const file = packageFile(cacheDir, one);
      await mkdir(dirname(file), { recursive: true });
      await rename(join(folder, one.file), file);
    }
  }
  const packages = found.map(({ name, version, sha256 }) => ({ name, version, sha256 }));
  const draft = join(workDir, 'packages.json');
  await writeFile(draft, `${JSON.stringify(packages, null, 2)}\n`);
  await mkdir(dirname(recordFile(options)), { recursive: true });
  await rename(draft, recordFile(options));
  return packages;
}

/**
 * Unpacks the packages, without running their scripts, one into the other.
 *
 * @throws RigError `image.damaged-package` when a cached file is not what it was
 */
export async function unpackPackages(
  packages: readonly ResolvedPackage[],
  { into, cacheDir, tools }: { into: string; cacheDir: string; tools: Toolbox },
): Promise<void> {
  await mkdir(into, { recursive: true });
  for (const one of packages) {
    const file = packageFile(cacheDir, one);
    if ((await sha256OfFile(file)) !== one.sha256) {
      await rm(file, { force: true });
      throw new RigError(`The cached package ${one.name} ${one.version} is damaged: ${file}`, {
        code: 'image.damaged-package',
        blame: 'rig',
        hint: 'It was removed; build again and it is downloaded again.',
      });
    }
    await tools.run('dpkg-deb', ['-x', file, into]);
  }
}

/** Every file below `folder`, sorted. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function packageFile(cacheDir: string, { name, sha256 }: { name: string; sha256: string }): string {
  return join(cacheDir, 'packages', `${name}-${sha256}.deb`);
}

function recordFile({ cacheDir, arch, names, kernelPackage, kernelHeaders }: PackageRequest): string {
  const what = createHash('sha256')
    .update(JSON.stringify([kernelPackage, ...(kernelHeaders ? [kernelHeaders] : []), ...names]))
    .digest('hex');
  return join(cacheDir, 'packages', `${arch}-${what.slice(0, 16)}.json`);
}

interface CurrentPackage extends ResolvedPackage {
  readonly file: string;
  readonly bytes: number;
}

/** What `apt-get download` would take: `'URI' FILE BYTES SHA256:HASH`, FILE being `NAME_VERSION_ARCH.deb`, escaped. */
async function current(
  apt: PrivateApt,
  names: readonly string[],
  { cwd }: { cwd: string },
): Promise<CurrentPackage[]> {
  // It leaves out what lies in the folder that it is run in.
  const { stdout } = await known(names, () => apt.run(['download', '-q', '--print-uris', ...names], { cwd }));
  const lines = stdout.matchAll(/^'[^']*' (\S+) (\d+) SHA256:([0-9a-f]{64})$/gm);
  const found = [...lines].map(([, file = '', bytes, sha256 = '']): CurrentPackage => {
    const [name = '', version = ''] = file.split('_');
    return { name, version: decodeURIComponent(version), sha256, file, bytes: Number(bytes) };
  });
  const lost = names.filter((name) => !found.some((one) => one.name === name));
  if (lost.length > 0) throw missingPackage(lost, undefined);
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function kernelOf(
  apt: PrivateApt,
  { kernelPackage, kernelHeaders }: PackageRequest,
): Promise<string[]> {
  const names = [kernelPackage, ...(kernelHeaders ? [kernelHeaders] : [])];
  const install = ['install', '-s', '-q', '--no-install-recommends', ...names];
  const { stdout } = await known(names, () => apt.run(install));
  const found = [...stdout.matchAll(/^Inst (linux-(?:image|headers|kbuild|compiler)-\S+) /gm)]
    .map(([, name = '']) => name)
    .filter(
      (name) => !names.includes(name) && (kernelHeaders !== undefined || name.startsWith('linux-image-')),
    );
  if (!found.some((name) => name.startsWith('linux-image-'))) throw missingPackage(names, undefined);
  return found;
}

async function known<T>(names: readonly string[], body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw error instanceof RigError && error.code === 'process.failed' ? missingPackage(names, error) : error;
  }
}

async function reaching<T>(action: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (!(error instanceof RigError) || error.code !== 'process.failed' || isDiskFull(error)) throw error;
    throw new RigError(`Cannot ${action}: ${error.message}`, {
      code: 'image.no-network',
      blame: 'rig',
      hint: 'Building an image the first time needs a network and a Debian archive that apt-get update can reach.',
      cause: error,
    });
  }
}

function missingPackage(names: readonly string[], cause: unknown): RigError {
  const why = cause instanceof Error ? `: ${cause.message}` : '';
  return new RigError(`Debian's archive has not all of the packages ${names.join(', ')}${why}`, {
    code: 'image.missing-package',
    blame: 'rig',
    hint: 'The package lists of this host must cover the Debian release that the reference OS is made from.',
    cause,
  });
}
