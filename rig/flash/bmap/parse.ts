import { createHash } from 'node:crypto';
import { RigError } from '../../contracts/errors.js';
import { blockBytes } from '../byte-range.js';
import type { BlockMap, ChecksumType, MappedRange } from './block-map.js';

/** Some 250,000 ranges: more than any image was seen to have. */
export const maxBmapBytes = 32 * 1024 * 1024;

const digestLength: Readonly<Record<ChecksumType, number>> = { md5: 32, sha1: 40, sha256: 64, sha512: 128 };

/**
 * A block map of bmap-tools, versions 1.3 to 2.0 (bmap-tools: `BmapCreate.py`, `BmapCopy.py`).
 *
 * @param name as errors call it
 * @throws RigError `flash.bmap-invalid`: not XML of that kind, numbers that contradict each other, or its own checksum is wrong
 */
export function parseBmap(file: Buffer, name: string): BlockMap {
  const invalid = (why: string): RigError =>
    new RigError(`The block map ${name} cannot be used: ${why}`, {
      code: 'flash.bmap-invalid',
      blame: 'config',
      hint: 'Make it anew with bmaptool create, or flash without it (--no-bmap).',
      evidence: { bmap: name },
    });
  // Comments may hold anything, examples of elements too.
  const text = withoutComments(file.toString('utf8'));
  const version = /<bmap\s+version\s*=\s*["'](\d+)\.(\d+)["']\s*>/.exec(text);
  if (!version || !/<\/bmap>\s*$/.test(text)) throw invalid('it is no whole bmap file');
  const [major, minor] = [Number(version[1]), Number(version[2])];
  if (major > 2) throw invalid(`version ${major}.${minor} is newer than 2.0, the newest that is known here`);
  if (major < 1 || (major === 1 && minor < 3)) throw invalid(`version ${major}.${minor} has no checksums`);
  const field = (element: string): string | undefined =>
    new RegExp(`<${element}>\\s*([^<\\s]+)\\s*</${element}>`).exec(text)?.[1];
  const count = (element: string): number => {
    const value = field(element);
    if (value === undefined || !/^\d+$/.test(value) || !Number.isSafeInteger(Number(value)))
      throw invalid(`it has no sound ${element}`);
    return Number(value);
  };

  const sizeOfBlock = count('BlockSize');
  // Direct writes need whole blocks of this size; bmaptool itself makes no other.
  if (sizeOfBlock === 0 || sizeOfBlock % blockBytes !== 0)
    throw invalid(`its blocks have ${sizeOfBlock} bytes, no multiple of ${blockBytes}`);
  const imageBytes = count('ImageSize');
  const blocks = count('BlocksCount');
  if (blocks !== Math.ceil(imageBytes / sizeOfBlock))
    throw invalid(`${blocks} blocks of ${sizeOfBlock} bytes do not make an image of ${imageBytes} bytes`);
  const checksumType = (major === 1 && minor === 3 ? 'sha1' : (field('ChecksumType') ?? '')) as ChecksumType;
  if (!(checksumType in digestLength)) throw invalid(`its checksums are "${checksumType}"`);
  const own = field(major === 1 && minor === 3 ? 'BmapFileSHA1' : 'BmapFileChecksum');
  if (own !== undefined && ownChecksum(file, { own, checksumType }) !== own.toLowerCase())
    throw invalid('its own checksum does not fit: it was damaged or edited');

  const ranges: MappedRange[] = [];
  let mapped = 0;
  let next = 0;
  for (const [, attributes = '', first, last = first] of text.matchAll(
    /<Range((?:\s+\w+\s*=\s*["'][^"'<>]*["'])*)\s*>\s*(\d+)\s*(?:-\s*(\d+)\s*)?<\/Range>/g,
  )) {
    const [from, to] = [Number(first), Number(last)];
    if (from < next || to < from || to >= blocks)
      throw invalid(`its range ${from}-${to} is out of order or bounds`);
    const checksum = /\b(?:chksum|sha1)\s*=\s*["']([0-9a-fA-F]+)["']/.exec(attributes)?.[1]?.toLowerCase();
    if (checksum !== undefined && checksum.length !== digestLength[checksumType])
      throw invalid(`the checksum of its range ${from}-${to} is no ${checksumType}`);
    ranges.push({
      start: from * sizeOfBlock,
      end: Math.min((to + 1) * sizeOfBlock, imageBytes),
      ...(checksum === undefined ? {} : { checksum }),
    });
    mapped += to - from + 1;
    next = to + 1;
  }
  if (ranges.length !== (text.match(/<Range\b/g) ?? []).length)
    throw invalid('one of its ranges cannot be read');
  if (mapped !== count('MappedBlocksCount'))
    throw invalid(`its ranges have ${mapped} blocks, and it says ${count('MappedBlocksCount')}`);
  return { origin: 'bmap', imageBytes, checksumType, ranges };
}

function withoutComments(text: string): string {
  const parts: string[] = [];
  let from = 0;
  for (let open = text.indexOf('<!--'); open >= 0; open = text.indexOf('<!--', from)) {
    parts.push(text.slice(from, open));
    const close = text.indexOf('-->', open);
    if (close < 0) return parts.join('');
    from = close + 3;
  }
  return [...parts, text.slice(from)].join('');
}

/** Taken over the file with zeros in its own place. */
function ownChecksum(
  file: Buffer,
  { own, checksumType }: { own: string; checksumType: ChecksumType },
): string {
  const at = file.indexOf(own);
  const zeroed = Buffer.from(file);
  zeroed.fill('0', at, at + own.length);
  return createHash(checksumType).update(zeroed).digest('hex');
}
