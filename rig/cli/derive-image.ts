import { join } from 'node:path';
import { cacheDir } from '../config/folders.js';
import type { Image } from '../contracts/board.js';
import type { Cancellable } from '../contracts/capabilities.js';
import type { DerivedImage } from '../contracts/suite.js';
import { buildReferenceImage } from './build-image.js';

/** Where another image is made from. */
export interface DeriveOptions extends Cancellable {
  /** The run's image. */
  readonly from: Image;
  /** For what belongs to one test alone. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly progress: (line: string) => void;
}

/** @returns undefined for another version of an image that is not ours to build */
export async function deriveImage(wanted: DerivedImage, options: DeriveOptions): Promise<Image | undefined> {
  return 'version' in wanted ? otherVersion(wanted.version, options) : configured(wanted, options);
}

async function otherVersion(version: string, options: DeriveOptions): Promise<Image | undefined> {
  const { from, signal, progress } = options;
  const { readManifest } = await import('../../qemu/image/manifest.js');
  const manifest = await readManifest(from.path).catch(() => undefined);
  if (!manifest) return undefined;
  const { flavour, arch, board, variant, flashes } = manifest;
  return buildReferenceImage(
    { flavour, arch, variant, version, ...(board ? { board } : {}) },
    { cacheDir: cacheDir(options.env), flasher: flashes !== undefined, signal, progress },
  );
}

async function configured(
  { config, connections = {} }: Extract<DerivedImage, { config: unknown }>,
  { from, folder, signal }: DeriveOptions,
): Promise<Image> {
  const [{ configureImage }, { readSidecars }, { readManifest }, { inspectImage }] = await Promise.all([
    import('../image/configure.js'),
    import('../../qemu/image/sidecars.js'),
    import('../../qemu/image/manifest.js'),
    import('../../qemu/image/inspect.js'),
  ]);
  const manifest = await readManifest(from.path).catch(() => undefined);
  const sidecars = await readSidecars(from.path, { manifest });
  const settings = {
    changes: Object.entries(config).map(([key, value]) => ({ path: [key], value })),
    connections: Object.entries(connections).map(([name, text]) => ({ name, text })),
  };
  const output = join(folder, 'configured.img');
  const { path, changed } = await configureImage(from.path, settings, { output, signal });
  await sidecars.write({ path, ranges: changed, signal });
  const facts = await inspectImage(path, { signal });
  return { ...facts, ...(from.sshKeyFile === undefined ? {} : { sshKeyFile: from.sshKeyFile }) };
}
