import type { Board } from '../../rig/mod.js';

type Signature = NonNullable<Board['type']['signatures']['kernel']>;

/** Lines that the kernel itself writes: with its time stamp, and before it has one. */
const kernelLine = /^(?:\[ *\d+\.\d+\]|EFI stub: )/;

/**
 * What others than the kernel wrote on the serial line after the kernel's signature, line by line.
 *
 * @returns undefined where the signature is not in `text`
 */
export function textAfterKernel(text: string, signature: Signature): readonly string[] | undefined {
  const pattern =
    'literal' in signature ? signature.literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') : signature.regexp;
  const last = [...text.matchAll(new RegExp(pattern, 'gm'))].at(-1);
  if (!last) return undefined;
  const [, ...lines] = text.slice(last.index + last[0].length).split('\n');
  return lines.map((line) => line.trimEnd()).filter((line) => line.trim() !== '' && !kernelLine.test(line));
}
