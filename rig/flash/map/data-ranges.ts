import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import { runProgram } from '../../lifetime/run-program.js';
import { type ByteRange, joinRanges } from '../byte-range.js';

/** A list longer than this is that of a file in shreds: to skip its holes would cost more than to write them. */
const maxListBytes = 32 * 1024 * 1024;

/**
 * The parts of `file` that are no holes. Node cannot ask for them (lseek, SEEK_DATA); QEMU's `map` asks the same.
 *
 * @returns undefined when nobody can tell: all of it is data then
 */
export async function dataRanges(file: string, { signal }: Cancellable): Promise<ByteRange[] | undefined> {
  try {
    const { stdout } = await runProgram('qemu-img', ['map', '--output=json', '-f', 'raw', file], {
      signal,
      captureBytes: maxListBytes,
    });
    return parse(stdout);
  } catch (error) {
    // Without qemu-utils, or with a name that QEMU takes for a protocol, everything is written.
    if (error instanceof RigError && ['process.missing', 'process.failed'].includes(error.code))
      return undefined;
    throw error;
  }
}

function parse(text: string): ByteRange[] | undefined {
  // A list that was cut has lost its beginning.
  if (!text.startsWith('[')) return undefined;
  const extents = JSON.parse(text) as readonly { start: number; length: number; data: boolean }[];
  return joinRanges(
    extents.filter(({ data }) => data).map(({ start, length }) => ({ start, end: start + length })),
  );
}
