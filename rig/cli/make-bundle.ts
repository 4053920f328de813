import { cacheDir } from '../config/folders.js';
import type { Image } from '../contracts/board.js';
import type { Cancellable } from '../contracts/capabilities.js';
import type { ImageExtra } from '../contracts/image-builder.js';
import type { Bundle, WantedBundle } from '../contracts/update.js';
import { damagedCopy } from '../core/update/damaged-copy.js';
import { readBundle } from './update-file.js';

/** What a bundle is made of. */
export interface MakeBundleOptions extends Cancellable {
  /** What is on the board. */
  readonly from: Image;
  /** The update that `--update` names. */
  readonly update: string | undefined;
  /** For what belongs to one test alone. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly progress: (line: string) => void;
}

/** @returns undefined where it cannot be made: of a person's own update there is only that one, and it damaged */
export async function makeBundle(
  { damage, ...wanted }: WantedBundle,
  options: MakeBundleOptions,
): Promise<Bundle | undefined> {
  const { update, folder, signal } = options;
  const asIs = Object.keys(wanted).length === 0;
  const whole =
    update === undefined
      ? await built(wanted, options)
      : asIs
        ? await readBundle(update, { signal })
        : undefined;
  return whole && damage ? damagedCopy(whole, { damage, folder }) : whole;
}

/** Of a reference OS, whose manifest tells how the rig built it. */
async function built(
  { version, ...wanted }: Omit<WantedBundle, 'damage'>,
  { from, env, signal, progress }: MakeBundleOptions,
): Promise<Bundle | undefined> {
  const [{ readManifest }, { buildBundle }] = await Promise.all([
    import('../../qemu/image/manifest.js'),
    import('../../qemu/image/bundle/build-bundle.js'),
  ]);
  const manifest = await readManifest(from.path).catch(() => undefined);
  if (!manifest || manifest.flashes !== undefined) return undefined;
  const { flavour, arch, variant, extras } = manifest;
  const request = {
    flavour,
    arch,
    variant,
    version: version ?? versionAfter(manifest.version),
    ...(extras ? { extras: extras as readonly ImageExtra[] } : {}),
    ...wanted,
  };
  const options = { cacheDir: cacheDir(env), signal, progress };
  const { path, sha256, sizeBytes, version: of, compatible } = await buildBundle(request, options);
  return { path, sha256, sizeBytes, version: of, compatible };
}

/** `1.0.1` after `1.0.0`: its last number one higher. */
export function versionAfter(version: string): string {
  const found = /^(.*?)(\d+)(\D*)$/.exec(version);
  return found ? `${found[1]}${Number(found[2]) + 1}${found[3]}` : `${version}.1`;
}
