import { RigError } from '../../contracts/errors.js';

export type Packing = 'gzip' | 'xz' | 'zstd' | 'bzip2' | 'zip';

const magics: readonly (readonly [packing: Packing, hex: string])[] = [
  ['gzip', '1f8b'],
  ['xz', 'fd377a585a00'],
  ['zstd', '28b52ffd'],
  ['bzip2', '425a68'],
  ['zip', '504b0304'],
];

const endings: Readonly<Record<string, Packing>> = {
  gz: 'gzip',
  xz: 'xz',
  zst: 'zstd',
  bz2: 'bzip2',
  zip: 'zip',
};

/** Ends of names that say how a file is packed, without the dot. */
export const packedEndings: readonly string[] = Object.keys(endings);

const diskFormats: readonly (readonly [format: string, hex: string])[] = [
  ['qcow2', '514649fb'],
  ['VMDK', '4b444d56'],
  ['VHDX', '766864786669'],
];

/**
 * How an image is packed, by its first bytes; undefined for a raw one. A name that promises a packing which is not there
 * means that something else came: an error page, half a download, a renamed file.
 *
 * @throws RigError `flash.image-not-packed`, `flash.image-not-raw`, `flash.image-empty` (blame: config)
 */
export function packingOf(head: Buffer, name: string): Packing | undefined {
  const begins = (hex: string): boolean => head.toString('hex', 0, hex.length / 2) === hex;
  const refuse = (code: 'not-packed' | 'not-raw' | 'empty', why: string, hint: string): RigError =>
    new RigError(`Cannot flash ${name}: ${why}`, { code: `flash.image-${code}`, blame: 'config', hint });
  if (head.length === 0) throw refuse('empty', 'it is empty', 'Make or download it anew.');
  const found = magics.find(([, hex]) => begins(hex))?.[0];
  const promised = endings[/\.(\w+)(?:[?#].*)?$/.exec(name)?.[1]?.toLowerCase() ?? ''];
  if (promised !== undefined && found !== promised)
    throw refuse(
      'not-packed',
      `its name says ${promised}, and its first bytes are not of that kind`,
      'Look at its beginning (file, head -c 200): an error page or half a download, perhaps.',
    );
  if (found) return found;
  const disk = diskFormats.find(([, hex]) => begins(hex))?.[0];
  if (disk)
    throw refuse('not-raw', `it is a ${disk} disk`, 'Make a raw image of it: qemu-img convert -O raw.');
  if (/^\s*<(!doctype|html)\b/i.test(head.toString('latin1')))
    throw refuse('not-raw', 'it is a web page', 'Take the address of the file itself.');
  return undefined;
}
