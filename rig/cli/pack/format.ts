/** The first entry of a pack: what the others are. */
export const packFile = 'pack.json';
export const packVersion = 1;

/**
 * `pack.json`. Beside it: `run/…`, the run folder as it is, and `images/<sha256>/…`, each image once, with the manifest that says
 * what is in it. No private key.
 */
export interface PackManifest {
  readonly version: typeof packVersion;
  readonly run: string;
  /** Modification times, by which an image's manifest knows that it is unchanged. */
  readonly images: readonly { readonly path: string; readonly sha256: string; readonly modifiedMs: number }[];
}

/** @returns undefined for a text that is no such manifest */
export function parsePackManifest(text: string): PackManifest | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { version, run, images } = (value ?? {}) as Partial<PackManifest>;
  const whole =
    version === packVersion &&
    typeof run === 'string' &&
    Array.isArray(images) &&
    images.every(
      (image: Partial<PackManifest['images'][number]> | null) =>
        typeof image?.path === 'string' &&
        /^[0-9a-f]{64}$/.test(String(image.sha256)) &&
        image.path.startsWith(`images/${image.sha256}/`) &&
        typeof image.modifiedMs === 'number',
    );
  return whole ? (value as PackManifest) : undefined;
}
