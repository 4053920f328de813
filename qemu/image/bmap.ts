import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import type { BlockRange } from './ext4.js';

export const bmapBlockBytes = 4096;
const chunkBytes = 1024 * 1024;

/** Byte ranges as sorted ranges of 4 KiB blocks that neither overlap nor touch. */
export function blockRanges(bytes: readonly BlockRange[]): BlockRange[] {
  const merged: { first: number; last: number }[] = [];
  for (const range of [...bytes].sort((a, b) => a.first - b.first)) {
    const first = Math.floor(range.first / bmapBlockBytes);
    const last = Math.floor(range.last / bmapBlockBytes);
    const previous = merged.at(-1);
    if (previous && first <= previous.last + 1) previous.last = Math.max(previous.last, last);
    else merged.push({ first, last });
  }
  return merged;
}

/** The sha256 of `file`, and of each of `ranges` (sorted, in blocks), in one pass. */
export async function hashImage(
  file: string,
  ranges: readonly BlockRange[],
  { signal }: Cancellable = {},
): Promise<{ sha256: string; ranges: string[] }> {
  const whole = createHash('sha256');
  const hashes = ranges.map(() => createHash('sha256'));
  await using handle = await open(file, 'r');
  const chunk = Buffer.alloc(chunkBytes);
  let current = 0;
  for (let offset = 0; ; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(chunk, 0, chunkBytes, offset);
    if (bytesRead === 0) break;
    const bytes = chunk.subarray(0, bytesRead);
    whole.update(bytes);
    for (let index = current; index < ranges.length; index++) {
      const range = ranges[index];
      if (!range) break;
      const start = range.first * bmapBlockBytes - offset;
      const end = (range.last + 1) * bmapBlockBytes - offset;
      if (start >= bytesRead) break;
      hashes[index]?.update(bytes.subarray(Math.max(start, 0), Math.min(end, bytesRead)));
      if (end <= bytesRead) current = index + 1;
    }
    offset += bytesRead;
  }
  return { sha256: whole.digest('hex'), ranges: hashes.map((hash) => hash.digest('hex')) };
}

/** A block map, version 2.0, as bmap-tools write and read it (bmap-tools: `BmapCreate.py`). */
export function writeBmap(
  ranges: readonly BlockRange[],
  { imageBytes, hashes }: { readonly imageBytes: number; readonly hashes: readonly string[] },
): string {
  const blocks = Math.ceil(imageBytes / bmapBlockBytes);
  const mapped = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  const lines = ranges.map(({ first, last }, index) => {
    const blocksText = first === last ? `${first}` : `${first}-${last}`;
    return `        <Range chksum="${hashes[index]}"> ${blocksText} </Range>`;
  });
  const text = (checksum: string): string => `<?xml version="1.0" ?>
<bmap version="2.0">
    <ImageSize> ${imageBytes} </ImageSize>
    <BlockSize> ${bmapBlockBytes} </BlockSize>
    <BlocksCount> ${blocks} </BlocksCount>
    <MappedBlocksCount> ${mapped} </MappedBlocksCount>
    <ChecksumType> sha256 </ChecksumType>
    <BmapFileChecksum> ${checksum} </BmapFileChecksum>
    <BlockMap>
${lines.join('\n')}
    </BlockMap>
</bmap>
`;
  // The file's own checksum is taken with zeros in its place.
  return text(
    createHash('sha256')
      .update(text('0'.repeat(64)))
      .digest('hex'),
  );
}
