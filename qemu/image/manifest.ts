import { readFile, stat, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';

const manifestSchema = z.object({
  schema: z.literal(1),
  flavour: z.literal('tiny'),
  arch: z.enum(['arm64', 'amd64']),
  variant: z.enum(['dev', 'prod']),
  version: z.string(),
  slug: z.string(),
  revision: z.string(),
  image: z.object({
    file: z.string(),
    sha256: z.string(),
    sizeBytes: z.number(),
    /** The image's time of modification when it was hashed: another one means another content. */
    modifiedMs: z.number(),
  }),
  packages: z.array(z.object({ name: z.string(), version: z.string(), sha256: z.string() })).readonly(),
});

/** What lies beside an image and says what is in it. */
export type Manifest = z.infer<typeof manifestSchema>;

export function manifestPathOf(image: string): string {
  return `${image.replace(/\.img$/, '')}.manifest.json`;
}

export function bmapPathOf(image: string): string {
  return `${image.replace(/\.img$/, '')}.bmap`;
}

export async function writeManifest(file: string, manifest: Manifest): Promise<void> {
  await writeFile(file, `${JSON.stringify(manifest, null, 2)}\n`);
}

/**
 * The manifest beside `image`.
 *
 * @returns undefined when there is none, or the image was changed since it was written
 */
export async function readManifest(image: string): Promise<Manifest | undefined> {
  let data: unknown;
  try {
    data = JSON.parse(await readFile(manifestPathOf(image), 'utf8'));
  } catch {
    return undefined;
  }
  const { success, data: manifest } = manifestSchema.safeParse(data);
  if (!success || manifest.image.file !== basename(image)) return undefined;
  const { size, mtimeMs } = await stat(image);
  const same = size === manifest.image.sizeBytes && Math.trunc(mtimeMs) === manifest.image.modifiedMs;
  return same ? manifest : undefined;
}
