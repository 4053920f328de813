import { randomBytes } from 'node:crypto';
import { access, chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Cancellable } from '../rig/contracts/capabilities.js';
import { RigError } from '../rig/contracts/errors.js';
import {
  manifestName,
  parseManifest,
  type SnapshotManifest,
  type SnapshotPart,
} from '../rig/contracts/snapshot.js';
import { hashOfFile } from './snapshot-key.js';

/**
 * Makes the folder `dir` as one atomic unit: `fill` puts the parts into a sibling of it, which gets its name at the end.
 *
 * @throws RigError `snapshot.exists`; what `fill` throws: nothing is left then
 */
export async function makeSnapshot(
  dir: string,
  fill: (folder: string) => Promise<SnapshotManifest>,
): Promise<SnapshotManifest> {
  await assertAbsent(dir);
  const folder = join(
    dirname(dir),
    `.${basename(dir)}.part-${process.pid}-${randomBytes(4).toString('hex')}`,
  );
  await mkdir(dirname(dir), { recursive: true });
  await mkdir(folder, { mode: 0o700 });
  try {
    const manifest = await fill(folder);
    await writeFile(join(folder, manifestName), `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o400 });
    await rename(folder, dir).catch(async (error: unknown) => {
      await assertAbsent(dir);
      throw error;
    });
    return manifest;
  } finally {
    // The program that writes the state may live a moment longer than a QEMU that was killed.
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}

/** Makes a finished file read-only and says what it is. */
export async function finishPart(folder: string, file: string, options: Cancellable): Promise<SnapshotPart> {
  const path = join(folder, file);
  await chmod(path, 0o400);
  const { size } = await stat(path);
  return { file, sizeBytes: size, sha256: await hashOfFile(path, options) };
}

/**
 * What the folder says of itself, after every part was found to be what it says.
 *
 * @throws RigError `snapshot.missing`, `snapshot.corrupt`
 */
export async function openSnapshot(dir: string, options: Cancellable): Promise<SnapshotManifest> {
  let text: string;
  try {
    text = await readFile(join(dir, manifestName), 'utf8');
  } catch (cause) {
    throw new RigError(`There is no snapshot in ${dir}`, {
      code: 'snapshot.missing',
      blame: 'rig',
      hint: 'It was evicted, or never saved: boot cold.',
      cause,
    });
  }
  const manifest = parseManifest(text);
  if (!manifest) throw corrupt(dir, `${manifestName} is not one that this version writes`);
  const { state, medium, variables } = manifest;
  for (const part of [state, medium, variables]) if (part) await assertWhole(dir, part, options);
  return manifest;
}

async function assertWhole(dir: string, part: SnapshotPart, options: Cancellable): Promise<void> {
  const path = join(dir, part.file);
  if (basename(part.file) !== part.file) throw corrupt(dir, `${part.file} is no plain file name`);
  const size = await stat(path).then(
    (found) => found.size,
    (cause: unknown) => {
      throw corrupt(dir, `${part.file} cannot be read`, cause);
    },
  );
  if (size !== part.sizeBytes)
    throw corrupt(dir, `${part.file} has ${size} bytes instead of ${part.sizeBytes}`);
  if ((await hashOfFile(path, options)) !== part.sha256) throw corrupt(dir, `${part.file} was changed`);
}

async function assertAbsent(dir: string): Promise<void> {
  const isThere = await access(dir).then(
    () => true,
    () => false,
  );
  if (!isThere) return;
  throw new RigError(`There is something at ${dir} already`, {
    code: 'snapshot.exists',
    blame: 'rig',
    hint: 'Somebody saved the same snapshot meanwhile: use that one.',
  });
}

function corrupt(dir: string, what: string, cause?: unknown): RigError {
  return new RigError(`The snapshot ${dir} is damaged: ${what}`, {
    code: 'snapshot.corrupt',
    blame: 'rig',
    hint: 'Remove the folder, and boot cold.',
    cause,
    evidence: { dir, what },
  });
}
