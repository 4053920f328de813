import { RigError } from '../../contracts/errors.js';
import type { PackedSource } from './packed-source.js';

/** igzip: not complete. bsdtar passes zlib's -5 on, `Z_BUF_ERROR`: it wanted more. */
const endsTooEarly =
  /unexpected end|ends unexpectedly|premature end|not contain a complete|truncated|Read error \(39\)|failed \(-5\)/i;

/** What a program that unpacks and ended with an error said of its input. */
export function wordsOf({ stderr, end, program }: { stderr: string; end: string; program: string }): string {
  const lines = stderr
    .split('\n')
    // bsdtar names each member there, too.
    .filter((line) => line.trim() !== '' && !/^x [^:]*$/.test(line));
  return lines.slice(0, 2).join('; ') || `${program} ended with ${end}`;
}

/** The error for what an unpacker said of its input. */
export function damaged(source: PackedSource, said: string): RigError {
  return endsTooEarly.test(said) ? truncated(source, said) : corrupt(source, said);
}

function truncated(source: PackedSource, said: string): RigError {
  return new RigError(`The image ${source.name} is cut off: ${said}`, {
    code: 'flash.image-truncated',
    blame: 'config',
    hint: 'Download or pack it again, and compare its length with the original.',
    evidence: { image: source.name, packedBytes: source.sizeBytes ?? null, said },
  });
}

function corrupt(source: PackedSource, said: string): RigError {
  return new RigError(`The image ${source.name} is damaged: ${said}`, {
    code: 'flash.image-corrupt',
    blame: 'config',
    hint: 'Download or pack it again, and compare its checksum with the original.',
    evidence: { image: source.name, consumedBytes: source.consumedBytes(), said },
  });
}

export function noUnpacker(program: string, debianPackage: string, cause: unknown): RigError {
  return new RigError(`Cannot find the program ${program}, which unpacks images of this kind`, {
    code: 'flash.no-unpacker',
    blame: 'rig',
    hint: `Install it: apt-get install ${debianPackage}`,
    cause,
  });
}
