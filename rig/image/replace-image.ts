import { chmod, type FileHandle, lstat, mkdtemp, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Cancellable } from '../contracts/capabilities.js';
import { RigError } from '../contracts/errors.js';
import { runProgram } from '../lifetime/run-program.js';

const chunkBytes = 1024 * 1024;
/** Comparing in such steps keeps what did not change unwritten, and so the copy sparse. */
const stepBytes = 4096;

export interface Replacement {
  readonly source: string;
  /** Absent: the source itself is replaced. */
  readonly output?: string | undefined;
}

/**
 * Puts a changed copy of an image in place of it, or in another place, in one step: who looks sees the old one or the new
 * one, whenever this process or the machine stops. `edit` gets the copy, open for reading and writing, and a folder
 * for what it needs beside it.
 *
 * @returns where the changed image is
 * @throws RigError `image.missing`, `image.read-only`, `image.changed-meanwhile`, `image.output-exists`, `image.disk-full`
 */
export async function replaceImage<T>(
  { source, output, signal }: Replacement & Cancellable,
  edit: (copy: FileHandle, workDir: string) => Promise<T>,
): Promise<{ path: string; result: T }> {
  const from = await existing(source);
  const before = await stat(from);
  if (!before.isFile()) throw notAFile(source);
  const path = output === undefined ? from : resolve(output);
  if (output === undefined) refuseReadOnly(source, before.mode);
  else await refuseSame(from, path);
  const workDir = await mkdtemp(join(dirname(path), `.${basename(path)}.configure-`));
  try {
    const copy = join(workDir, 'image');
    await runProgram('cp', ['--reflink=auto', '--sparse=always', '--preserve=mode', '--', from, copy], {
      signal,
      hint: 'The folder of the image needs room for a copy of it.',
    });
    // A copy of a read-only image is somebody's own.
    await chmod(copy, before.mode | 0o200);
    let result: T;
    {
      await using file = await open(copy, 'r+');
      result = await edit(file, workDir);
      await file.sync();
    }
    const after = await stat(from);
    if (after.mtimeMs !== before.mtimeMs || after.size !== before.size || after.ino !== before.ino)
      throw changedMeanwhile(source);
    signal?.throwIfAborted();
    await rename(copy, path);
    await syncFolder(dirname(path));
    return { path, result };
  } catch (error) {
    throw isFull(error) ? diskFull(path, error) : error;
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/** Writes into `disk`, from `offset` on, what differs between it and the whole of `part`. @returns the changed byte ranges */
export async function writeDifferences(
  disk: FileHandle,
  part: FileHandle,
  { offset, signal }: { readonly offset: number } & Cancellable,
): Promise<{ first: number; last: number }[]> {
  const [wanted, there] = [Buffer.alloc(chunkBytes), Buffer.alloc(chunkBytes)];
  const changed: { first: number; last: number }[] = [];
  for (let at = 0; ; at += chunkBytes) {
    signal?.throwIfAborted();
    const { bytesRead } = await part.read(wanted, 0, chunkBytes, at);
    if (bytesRead === 0) return changed;
    await disk.read(there, 0, bytesRead, offset + at);
    for (let step = 0; step < bytesRead; step += stepBytes) {
      const end = Math.min(step + stepBytes, bytesRead);
      if (wanted.compare(there, step, end, step, end) === 0) continue;
      await disk.write(wanted, step, end - step, offset + at + step);
      changed.push({ first: offset + at + step, last: offset + at + end - 1 });
    }
  }
}

/** Copies a range of `disk` into the new file `path`, holes where there are only zeros. */
export async function extract(
  disk: FileHandle,
  path: string,
  { offset, length, signal }: { readonly offset: number; readonly length: number } & Cancellable,
): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  await file.truncate(length);
  const chunk = Buffer.alloc(chunkBytes);
  const zeros = Buffer.alloc(chunkBytes);
  for (let at = 0; at < length; at += chunkBytes) {
    signal?.throwIfAborted();
    const { bytesRead } = await disk.read(chunk, 0, Math.min(chunkBytes, length - at), offset + at);
    if (bytesRead === 0) return;
    if (chunk.compare(zeros, 0, bytesRead, 0, bytesRead) !== 0) await file.write(chunk, 0, bytesRead, at);
  }
}

/** Through links, so that a link to an image stays one. */
async function existing(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    throw new RigError(`Cannot read image ${JSON.stringify(path)}: ${(cause as Error).message}`, {
      code: 'image.missing',
      blame: 'config',
      hint: 'Give the path of a disk image; rig image build tiny makes one.',
      cause,
    });
  }
}

async function refuseSame(from: string, path: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (!there) return;
  if (!there.isFile() || (await realpath(path)) === from) {
    throw new RigError(
      `Cannot write the changed image to ${path}: it is ${there.isFile() ? 'the image itself' : 'no plain file'}`,
      {
        code: 'image.output-exists',
        blame: 'config',
        hint: 'Leave --output out to change the image in place, or name another file.',
      },
    );
  }
}

/** Also for root, who could: the reference images of the cache are read-only because boards run from them. */
function refuseReadOnly(source: string, mode: number): void {
  if ((mode & 0o222) !== 0) return;
  throw new RigError(`Image ${source} is read-only: others may be using it`, {
    code: 'image.read-only',
    blame: 'config',
    hint: 'Write a changed copy with --output, or make the file writable first.',
  });
}

function notAFile(source: string): RigError {
  return new RigError(`${source} is no plain file`, {
    code: 'image.missing',
    blame: 'config',
    hint: 'Give the path of a disk image; a drive is written with rig flash.',
  });
}

function changedMeanwhile(source: string): RigError {
  return new RigError(`Image ${source} was changed by somebody else meanwhile; it is left as they made it`, {
    code: 'image.changed-meanwhile',
    blame: 'config',
    hint: 'Configure it again when nobody else is writing it.',
  });
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

function isFull(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || /No space left on device/.test(message ?? '');
}

function diskFull(path: string, cause: unknown): RigError {
  return new RigError(`The disk of ${dirname(path)} is full; the image is as it was`, {
    code: 'image.disk-full',
    blame: 'rig',
    hint: 'Make room for one copy of the image, or give --output on another disk.',
    cause,
  });
}
