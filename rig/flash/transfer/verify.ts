import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import type { AlignedPool } from '../aligned-pool.js';
import type { ChecksumType } from '../bmap/block-map.js';
import { blockBytes, roundUp } from '../byte-range.js';
import type { Medium } from '../medium/medium.js';
import type { FlashProgress } from '../progress.js';
import { type Extent, imageDiffers } from './extents.js';
import { type Piece, pieceOf } from './piece.js';
import { readAhead } from './read-ahead.js';

const readsAtATime = 4;

export interface VerifyOptions extends Cancellable {
  /** The image's name, for errors. */
  readonly image: string;
  readonly pool: AlignedPool;
  readonly checksumType: ChecksumType;
  readonly progress: FlashProgress;
}

/**
 * Reads every extent back from the medium and compares its checksum.
 *
 * @throws RigError `flash.read-back-differs`, `flash.read-failed`, `flash.medium-vanished` (blame: rig), `flash.image-differs`
 *   (blame: config); the signal's reason
 */
export async function verifyExtents(
  medium: Medium,
  extents: readonly Extent[],
  options: VerifyOptions,
): Promise<void> {
  const { image, pool, checksumType, progress, signal } = options;
  let index = 0;
  let hash = createHash(checksumType);
  for await (const piece of readBack(medium, extents, options)) {
    try {
      signal?.throwIfAborted();
      hash.update(piece.bytes);
      progress.verified(piece.bytes.length);
    } finally {
      piece.release();
    }
    const extent = extents[index];
    // The reading generator cuts each extent by itself: its last piece ends where it does, or the medium ended before.
    if (!extent || piece.offset + pool.bufferBytes < extent.end) continue;
    const found = hash.digest('hex');
    if (found !== extent.digest) {
      const told = { extent, found, checksumType };
      throw (await isAsWritten(medium, told, options)) ? imageDiffers(image, told) : differs(medium, told);
    }
    hash = createHash(checksumType);
    index += 1;
  }
}

function readBack(
  medium: Medium,
  extents: readonly Extent[],
  { pool, signal }: Pick<VerifyOptions, 'pool' | 'signal'>,
): AsyncGenerator<Piece, void> {
  return readAhead(extents, {
    pieceBytes: pool.bufferBytes,
    depth: readsAtATime,
    read: async ({ start, end }) => {
      const buffer = await pool.take({ signal });
      try {
        // A direct read has whole sectors, also behind the image's last byte.
        const wanted = buffer.bytes.subarray(0, roundUp(end - start, blockBytes));
        const length = Math.min(await medium.read(start, wanted), end - start);
        return pieceOf(buffer, { offset: start, length });
      } catch (error) {
        buffer.release();
        throw error;
      }
    },
  });
}

/** Whether the medium has, each time it is asked, the very bytes that were written to it. */
async function isAsWritten(
  medium: Medium,
  { extent, found }: { readonly extent: Extent; readonly found: string },
  options: VerifyOptions,
): Promise<boolean> {
  if (extent.writtenCrc === undefined) return false;
  const hash = createHash(options.checksumType);
  let crc = 0;
  for await (const piece of readBack(medium, [extent], options)) {
    hash.update(piece.bytes);
    crc = crc32(piece.bytes, crc);
    piece.release();
  }
  return crc === extent.writtenCrc && hash.digest('hex') === found;
}

function differs(
  medium: Medium,
  { extent, found, checksumType }: { extent: Extent; found: string; checksumType: string },
): RigError {
  const { start, end, digest } = extent;
  return new RigError(
    `${medium.path} does not hold what was written to it: bytes ${start} to ${end} read back differently`,
    {
      code: 'flash.read-back-differs',
      blame: 'rig',
      hint: 'The medium is worn out, smaller than it says, or its reader corrupts: try another card, then another reader.',
      evidence: { medium: medium.path, start, end, checksumType, expected: digest, found },
    },
  );
}
