import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import { type Child, startChild } from '../../lifetime/child-process.js';
import { findExecutable } from '../../lifetime/find-executable.js';
import { outputPipe } from '../../lifetime/output-pipe.js';
import { damaged, noUnpacker, wordsOf } from './damage.js';
import { FileSource } from './file.js';
import type { Packing } from './formats.js';
import type { PackedSource } from './packed-source.js';
import { zipMember } from './zip.js';
import { unzstd, ZstdError, zstdLibrary } from './zstd-library.js';

interface Unpacker {
  readonly program: string;
  readonly args: readonly string[];
  readonly debianPackage: string;
}

const unpackers: Readonly<Record<Exclude<Packing, 'gzip' | 'zip'>, Unpacker>> = {
  // Several threads where the file's blocks allow it, as long as they take little memory.
  xz: { program: 'xz', args: ['-dcq', '-T0', '--memlimit-mt-decompress=96MiB'], debianPackage: 'xz-utils' },
  // A thread of its own for writing only costs: our end of the output empties it as fast as it comes.
  zstd: { program: 'zstd', args: ['-dcq', '--no-progress', '--no-asyncio'], debianPackage: 'zstd' },
  bzip2: { program: 'bzip2', args: ['-dc'], debianPackage: 'bzip2' },
};

/** ISA-L's takes a sixth of zlib's time; it is not built for every kind of host. */
function gzipUnpacker(): Unpacker {
  return findExecutable('igzip')
    ? { program: 'igzip', args: ['-dc'], debianPackage: 'isal' }
    : { program: 'gzip', args: ['-dc'], debianPackage: 'gzip' };
}

/** `-` instead of a path: from its input. */
const zipUnpacker: Unpacker = { program: 'bsdtar', args: ['-xOf'], debianPackage: 'libarchive-tools' };

/**
 * The image's own bytes, unpacked as they come.
 *
 * @throws RigError `flash.image-truncated`, `flash.image-corrupt` (blame: config) at the place where that shows, `flash.no-unpacker`;
 *   what the source throws; the signal's reason
 */
export function unpacked(
  source: PackedSource,
  { packing, signal }: { readonly packing: Packing | undefined } & Cancellable,
): AsyncIterable<Uint8Array> {
  if (packing === undefined) return source.chunks({ signal });
  return packing === 'zstd'
    ? unpackedZstd(source, { signal })
    : unpackedByProgram(source, { packing, signal });
}

/** By the library: a gigabyte that does not pass a pipe takes a fifth less. */
async function* unpackedZstd(
  source: PackedSource,
  { signal }: Cancellable,
): AsyncGenerator<Uint8Array, void> {
  const library = await zstdLibrary();
  if (!library) {
    yield* unpackedByProgram(source, { packing: 'zstd', signal });
    return;
  }
  try {
    yield* unzstd(library, source.chunks({ signal }), { signal });
  } catch (error) {
    throw error instanceof ZstdError ? damaged(source, error.message) : error;
  }
}

async function* unpackedByProgram(
  source: PackedSource,
  { packing, signal }: { packing: Packing } & Cancellable,
): AsyncGenerator<Uint8Array, void> {
  const { program, args, debianPackage } = await unpackerOf(source, { packing, signal });
  // A program that reads a file by itself costs this process nothing.
  const direct = source instanceof FileSource ? source.handle.fd : undefined;
  using output = await outputPipe();
  const child = await start(program, { args, debianPackage, stdin: direct ?? 'pipe', stdout: output.writer });
  const input = direct === undefined ? feed(child, source.chunks({ signal })) : undefined;
  const onAbort = (): void => child.kill('SIGKILL');
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    signal?.throwIfAborted();
    yield* output.chunks;
    const end = await child.ended;
    signal?.throwIfAborted();
    await input?.settled;
    if (input?.error) throw input.error;
    if (end.code !== 0) {
      const how = end.signal ?? `exit code ${end.code}`;
      throw damaged(source, wordsOf({ stderr: child.stderr.text(), end: how, program }));
    }
    if (packing === 'zip') refuseSecondMember(source, child);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    child.kill('SIGKILL');
    await child.ended;
  }
}

async function unpackerOf(
  source: PackedSource,
  { packing, signal }: { packing: Packing } & Cancellable,
): Promise<Unpacker> {
  if (packing === 'zip') return await zipProgram(source, { signal });
  return packing === 'gzip' ? gzipUnpacker() : unpackers[packing];
}

async function zipProgram(source: PackedSource, options: Cancellable): Promise<Unpacker> {
  const { program, args, debianPackage } = zipUnpacker;
  // From a stream every member comes, each named on standard error: a second one is told when it comes.
  if (!(source instanceof FileSource)) return { program, args: ['-v', ...args, '-'], debianPackage };
  const member = await zipMember(source, options);
  return { program, args: [...args, source.path, '--', member], debianPackage };
}

function refuseSecondMember(source: PackedSource, child: Child): void {
  const members = child.stderr
    .text()
    .split('\n')
    .filter((line) => /^x .*[^/]$/.test(line));
  if (members.length <= 1) return;
  throw new RigError(`${source.name} holds ${members.length} files, not one image`, {
    code: 'flash.image-ambiguous',
    blame: 'config',
    hint: 'Unpack it, and flash one of them.',
  });
}

async function start(
  program: string,
  {
    debianPackage,
    ...options
  }: { args: readonly string[]; debianPackage: string; stdin: 'pipe' | number; stdout: Socket },
): Promise<Child> {
  try {
    return await startChild(program, {
      ...options,
      // Their words are read below.
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    });
  } catch (error) {
    if (!(error instanceof RigError) || error.code !== 'process.missing') throw error;
    throw noUnpacker(program, debianPackage, error);
  }
}

interface Watched {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** What the source threw: the cause of whatever the unpacker says then. */
  readonly error: unknown;
}

function watched(chunks: AsyncIterable<Uint8Array>): Watched {
  let error: unknown;
  async function* watch(): AsyncGenerator<Uint8Array, void> {
    try {
      yield* chunks;
    } catch (caught) {
      error = caught;
      throw caught;
    }
  }
  return {
    chunks: watch(),
    get error() {
      return error;
    },
  };
}

/** Writes the source to the program's input as fast as it takes it. */
function feed(
  child: Child,
  chunks: AsyncIterable<Uint8Array>,
): Watched & { readonly settled: Promise<void> } {
  const input = watched(chunks);
  const { stdin } = child;
  if (!stdin) throw new Error('the program was started without an input');
  const settled = pipeline(input.chunks, stdin).catch(() => {
    // Our error is in `input`; a program that stopped reading tells why by its exit code.
    stdin.destroy();
  });
  return {
    chunks: input.chunks,
    settled,
    get error() {
      return input.error;
    },
  };
}
