import { createHash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { Parser, type ReadEntry } from 'tar';
import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import { packFile } from './format.js';

export interface Limits {
  /** Of all files together, unpacked. */
  readonly maxBytes: number;
  readonly maxFiles: number;
}

const defaultLimits: Limits = { maxBytes: 32 * 2 ** 30, maxFiles: 100_000 };
/** A run of zeros of this length is left out of the file: images are sparse. */
const holeBytes = 64 * 1024;

/**
 * Writes the plain files of a tar archive below `folder`, which must be new and ours alone. Whatever else an archive can hold (links,
 * devices, names that lead elsewhere, a file twice) ends it: since no link is ever made, no name can lead out of the folder.
 *
 * @returns the SHA-256 of each file by its name
 * @throws RigError `pack.damaged`, `pack.unsafe`, `pack.too-large` (blame: config); the signal's reason
 */
export async function readTar(
  bytes: Readable,
  { folder, limits = defaultLimits, signal }: { folder: string; limits?: Limits | undefined } & Cancellable,
): Promise<ReadonlyMap<string, string>> {
  const hashes = new Map<string, string>();
  let totalBytes = 0;
  const write = async (entry: ReadEntry): Promise<void> => {
    const { path, size } = entry;
    assertPlain(entry);
    if (hashes.has(path)) throw unsafe(`${shown(path)} comes twice`);
    totalBytes += size;
    if (totalBytes > limits.maxBytes || hashes.size >= limits.maxFiles) throw tooLarge(limits);
    hashes.set(path, await writeFile(entry, join(folder, path)));
  };
  let failure: { error: unknown } | undefined;
  let current: Promise<void> = Promise.resolve();
  const parser = new Parser({
    strict: true,
    onReadEntry: (entry) => {
      current = current
        .then(() => (failure ? undefined : write(entry)))
        .catch((error: unknown) => {
          failure ??= { error };
        })
        // What is not wanted is read all the same, or the parser would wait for ever.
        .finally(() => entry.resume());
    },
  });
  const broken = new Promise<void>((resolve) => {
    parser.on('error', (error: Error) => {
      failure ??= { error: damaged(error.message) };
      resolve();
    });
  });
  const ended = new Promise<void>((resolve) => parser.on('end', () => resolve()));
  for await (const chunk of bytes) {
    signal?.throwIfAborted();
    if (!parser.write(chunk as Buffer)) await Promise.race([drained(parser), broken]);
    if (failure) throw failure.error;
  }
  parser.end();
  await Promise.race([ended, broken]);
  await current;
  if (failure) throw (failure as { error: unknown }).error;
  return hashes;
}

function drained(parser: Parser): Promise<void> {
  return new Promise((resolve) => parser.once('drain', () => resolve()));
}

/** A plain file with a plain name, at a place that a pack has. */
function assertPlain({ path, type }: ReadEntry): void {
  if (type !== 'File') throw unsafe(`${shown(path)} is no plain file but a ${type}`);
  const parts = path.split('/');
  const isPlain = parts.every((part) => /^[^\\\p{Cc}]{1,255}$/u.test(part) && part !== '.' && part !== '..');
  const [top = ''] = parts;
  const isPlaced = path === packFile || (parts.length > 1 && (top === 'run' || top === 'images'));
  if (!isPlain || !isPlaced || path.length > 1024) throw unsafe(`it has a file ${shown(path)}`);
}

/** For its owner's eyes alone, and sparse. @returns its SHA-256 */
async function writeFile(entry: ReadEntry, path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const hash = createHash('sha256');
  await using file = await open(path, 'wx', 0o600);
  let at = 0;
  for await (const chunk of entry as AsyncIterable<Buffer>) {
    hash.update(chunk);
    for (let from = 0; from < chunk.length; from += holeBytes) {
      const part = chunk.subarray(from, from + holeBytes);
      if (!isZero(part)) await file.write(part, 0, part.length, at + from);
    }
    at += chunk.length;
  }
  if (at !== entry.size) throw damaged(`${shown(entry.path)} is cut short`);
  await file.truncate(at);
  return hash.digest('hex');
}

const zeros = Buffer.alloc(holeBytes);

function isZero(part: Buffer): boolean {
  return part.equals(zeros.subarray(0, part.length));
}

function shown(path: string): string {
  return JSON.stringify(path.slice(0, 200));
}

export function damaged(why: string): RigError {
  return new RigError(`The pack is damaged: ${why}`, {
    code: 'pack.damaged',
    blame: 'config',
    hint: 'Is it whole, and made by rig pack? Copy it again, or pack the run again.',
  });
}

export function unsafe(why: string): RigError {
  return new RigError(`The pack is not unpacked: ${why}`, {
    code: 'pack.unsafe',
    blame: 'config',
    hint: 'rig pack makes no such file: somebody changed it.',
  });
}

function tooLarge({ maxBytes, maxFiles }: Limits): RigError {
  return new RigError(
    `The pack is not unpacked: it holds more than ${Math.round(maxBytes / 2 ** 30)} GiB or ${maxFiles} files`,
    {
      code: 'pack.too-large',
      blame: 'config',
      hint: 'Unpack it yourself (tar --zstd) if you trust it, and resume the folder.',
    },
  );
}
