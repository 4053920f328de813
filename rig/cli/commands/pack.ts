import { rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import { exitCodes } from '../../contracts/verdict.js';
import { startChild } from '../../lifetime/child-process.js';
import { readRun } from '../../record/reader.js';
import type { CommandInput, CommandIo } from '../command.js';
import { findRun, shortest } from '../find-run.js';
import { packContents } from '../pack/contents.js';
import { type TarEntry, tarBytes } from '../pack/tar-writer.js';
import { assertZstd } from '../pack/zstd.js';

/** `rig pack RUN`: one file with all that `rig resume` needs of it on another machine. */
export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  const [name = ''] = input.args as [string | undefined];
  const { cwd, env, signal } = io;
  const dir = await findRun(name, cwd);
  const { run } = await readRun(dir);
  const given = input.options.output as string | undefined;
  const output = resolve(cwd, given ?? `${basename(dir)}.pack.tar.zst`);
  const contents = await packContents(dir, { run, cwd, env, signal });
  await write(contents.entries, { output, signal });
  const { size } = await stat(output);
  if (input.options.json === true) {
    const { boards, images, sizeBytes } = contents;
    io.out(
      `${JSON.stringify({ pack: output, run, boards, images, unpackedBytes: sizeBytes, sizeBytes: size }, null, 2)}\n`,
    );
    return exitCodes.passed;
  }
  const shown = shortest(output, cwd);
  io.out(
    `${shown}: ${mebibytes(size)} MiB, ${count(contents.boards, 'kept board')}, ${count(contents.images, 'image')}\n`,
  );
  if (contents.boards > 0) {
    io.out(`  rig resume ${shown}   on a machine with the same QEMU\n`);
    io.err(
      'It holds the memory and the media of the boards with all that they knew, passwords and keys too: give it to nobody who may not know them.\n',
    );
  }
  return exitCodes.passed;
}

/** Under another name until it is whole, for its owner's eyes alone. @throws RigError `pack.not-written` */
async function write(
  entries: readonly TarEntry[],
  { output, signal }: { output: string } & Cancellable,
): Promise<void> {
  assertZstd();
  const partial = join(dirname(output), `.${basename(output)}.part-${process.pid}`);
  const zstd = await startChild('/bin/sh', {
    // Nobody else may read what it makes.
    args: ['-c', 'umask 077; exec zstd -q -f -T0 -o "$0"', partial],
    stdin: 'pipe',
  });
  try {
    if (!zstd.stdin) throw new TypeError('no way to write to zstd');
    let failure: unknown;
    await pipeline(tarBytes(entries), zstd.stdin, { signal }).catch((error: unknown) => {
      failure = error;
    });
    if (failure !== undefined && (failure as NodeJS.ErrnoException).code !== 'EPIPE') throw failure;
    const { code } = await zstd.ended;
    if (code !== 0 || failure !== undefined) throw notWritten(output, zstd.stderr.lastLines(3).join('; '));
    await rename(partial, output).catch((error: Error) => {
      throw notWritten(output, error.message);
    });
  } finally {
    zstd.kill('SIGKILL');
    await zstd.ended;
    await rm(partial, { force: true });
  }
}

function notWritten(output: string, why: string): RigError {
  return new RigError(`Cannot write ${output}: ${why || 'zstd failed'}`, {
    code: 'pack.not-written',
    blame: 'rig',
    hint: 'Is there room enough, and may you write there? -o names another file.',
  });
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
