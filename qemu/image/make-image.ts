import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import type { BuildRequest, BuiltImage } from '../../rig/contracts/image-builder.js';
import { imageFiles, imageName } from './cache.js';
import type { DiskPart } from './disk.js';
import { ext4BlockBytes, usedExt4Blocks, writeExt4 } from './ext4.js';
import { usedFatBytes, writeFat32 } from './fat.js';
import { finishImage } from './finish-image.js';
import { partitionTypes } from './gpt.js';
import { type ResolvedPackage, unpackPackages } from './packages.js';
import type { RawBytes, Recipe } from './recipe.js';
import type { ImageKey } from './ssh-key.js';
import type { Toolbox } from './toolbox.js';
import { FileTree } from './tree.js';

export interface MakeOptions extends Cancellable {
  readonly request: BuildRequest;
  readonly recipe: Recipe;
  readonly key: ImageKey;
  /** The certificate that signed bundles are checked against, PEM. */
  readonly certificate: string;
  readonly packages: readonly ResolvedPackage[];
  /** Hash of all inputs. */
  readonly inputs: string;
  readonly cacheDir: string;
  readonly workDir: string;
  readonly tools: Toolbox;
  readonly progress: (line: string) => void;
}

/** A finished image in a folder of its own, which may still be moved. */
export interface MadeImage {
  readonly folder: string;
  facts(folder: string): Omit<BuiltImage, 'cached'>;
}

const mebibyte = 1024 * 1024;

/** Makes image, block map and manifest from resolved packages. */
export async function makeImage(options: MakeOptions): Promise<MadeImage> {
  const { request, workDir, tools, progress, signal } = options;
  const unpacked = join(workDir, 'packages');
  progress(`unpacking ${options.packages.length} packages`);
  await unpackPackages(options.packages, { into: unpacked, cacheDir: options.cacheDir, tools });
  progress('making the file systems');
  const { parts, sectors } = await makeContents(options, unpacked);
  progress('putting the disk together');
  const seed = deviceSeed(request);
  const { folder, image } = await finishImage({
    name: imageName(request),
    parts,
    sectors,
    diskGuid: guidOf(seed, 'disk'),
    tableEntries: options.recipe.tableEntries,
    manifest: {
      flavour: request.flavour,
      arch: request.arch,
      ...(request.board ? { board: request.board } : {}),
      variant: request.variant,
      version: request.version,
      ...(request.extras ? { extras: request.extras } : {}),
      slug: options.recipe.slug,
      revision: options.inputs.slice(0, 16),
      packages: options.packages,
    },
    workDir,
    signal,
  });
  return {
    folder,
    facts: (place) => {
      const placed = imageFiles(place, imageName(request));
      const { arch, variant, version } = request;
      const { sha256, sizeBytes } = image;
      return {
        path: placed.image,
        bmapPath: placed.bmap,
        manifestPath: placed.manifest,
        sha256,
        sizeBytes,
        arch,
        variant,
        version,
      };
    },
  };
}

async function makeContents(
  options: MakeOptions,
  packages: string,
): Promise<{ parts: DiskPart[]; sectors: readonly RawBytes[] | undefined }> {
  const { request, recipe, workDir, tools } = options;
  const { layoutMiB } = recipe;
  const seed = deviceSeed(request);
  const trees = await recipe.trees({
    request,
    packages,
    authorizedKey: options.key.publicLine,
    certificate: options.certificate,
    revision: revisionOf(options.packages),
    workDir,
    tools,
  });
  const part = (name: string, sizeMiB: number): Omit<DiskPart, 'used'> => ({
    name,
    typeGuid: name === 'resin-boot' ? partitionTypes.efiSystem : partitionTypes.linux,
    guid: guidOf(seed, `partition ${name}`),
    sizeBytes: sizeMiB * mebibyte,
    file: join(workDir, name),
  });
  const boot = part('resin-boot', layoutMiB.boot);
  await writeFat32(boot.file, {
    label: boot.name,
    volumeId: guidOf(seed, 'fat').slice(0, 8),
    sizeBytes: boot.sizeBytes,
    tree: trees.boot,
    workDir,
    tools,
  });
  const ext4 = async (
    name: string,
    { sizeMiB, tree, journal }: { sizeMiB: number; tree: FileTree; journal: boolean },
  ): Promise<DiskPart> => {
    const made = part(name, sizeMiB);
    const uuid = guidOf(seed, `file system ${name}`);
    await writeExt4(made.file, {
      label: name,
      uuid,
      sizeBytes: made.sizeBytes,
      tree,
      journal,
      workDir,
      tools,
    });
    const blocks = await usedExt4Blocks(made.file, tools);
    const used = blocks.map(({ first, last }) => ({
      first: first * ext4BlockBytes,
      last: (last + 1) * ext4BlockBytes - 1,
    }));
    return { ...made, used };
  };
  const empty = new FileTree();
  const parts = [
    { ...boot, used: await usedFatBytes(boot.file) },
    await ext4('resin-rootA', { sizeMiB: layoutMiB.rootA, tree: trees.root, journal: false }),
    await ext4('resin-rootB', { sizeMiB: layoutMiB.rootB, tree: empty, journal: false }),
    await ext4('resin-state', { sizeMiB: layoutMiB.state, tree: empty, journal: true }),
    await ext4('resin-data', { sizeMiB: layoutMiB.data, tree: empty, journal: true }),
  ];
  return { parts, sectors: trees.sectors };
}

/** What the fixed identifiers of an image are drawn from. */
function deviceSeed(request: BuildRequest): string {
  const { flavour, extras = [], arch, board, variant, version } = request;
  return ['boardrig', flavour, ...extras, board ?? arch, variant, version].join(' ');
}

/** Says which packages are in the image, without the ssh key or this host's tools. */
function revisionOf(packages: readonly ResolvedPackage[]): string {
  return createHash('sha256').update(JSON.stringify(packages)).digest('hex').slice(0, 12);
}

/** A UUID of the name-based kind (RFC 9562, version 8). */
export function guidOf(seed: string, name: string): string {
  const bytes = createHash('sha256').update(`${seed}\0${name}`).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
