import { createHash } from 'node:crypto';
import type { Cancellable } from '../../contracts/capabilities.js';
import type { AlignedPool } from '../aligned-pool.js';
import type { BlockMap } from '../bmap/block-map.js';
import { endsEarly, otherMap } from '../refusals.js';
import { FileSource } from '../source/file.js';
import type { Packing } from '../source/formats.js';
import type { PackedSource } from '../source/packed-source.js';
import { unpacked } from '../source/unpack.js';
import { filePieces, streamPieces } from './image-pieces.js';
import type { Piece } from './piece.js';

/** What of an image must be written, as it comes. */
export interface ImageInput {
  readonly pieces: AsyncGenerator<Piece, void>;
  /** After the last piece. @throws RigError `flash.image-truncated`, `flash.bmap-other-image` */
  end(): { readonly imageBytes: number; readonly sha256?: string };
}

export interface ImageInputOptions extends Cancellable {
  readonly packing: Packing | undefined;
  readonly map: BlockMap;
  readonly pool: AlignedPool;
  /** Also what is not mapped: only of an image that comes as a stream. */
  readonly hashWhole: boolean;
}

/** An image that can be read at any place; undefined for one that comes packed or once. */
export function plainFile(source: PackedSource, packing: Packing | undefined): FileSource | undefined {
  return source instanceof FileSource && packing === undefined ? source : undefined;
}

export function imageInput(source: PackedSource, options: ImageInputOptions): ImageInput {
  const { packing, map, pool, signal } = options;
  const transfer = { ranges: map.ranges, pool, signal };
  const file = plainFile(source, packing);
  if (file) return { pieces: filePieces(file, transfer), end: () => ({ imageBytes: file.sizeBytes }) };
  const whole = options.hashWhole ? createHash('sha256') : undefined;
  const stream = streamPieces(hashed(unpacked(source, { packing, signal }), whole), transfer);
  return {
    pieces: stream.pieces,
    end() {
      const imageBytes = stream.totalBytes();
      const { imageBytes: mapBytes = imageBytes } = map;
      if (imageBytes < mapBytes) throw endsEarly(source.name, { mapBytes, imageBytes });
      if (imageBytes > mapBytes) throw otherMap(source.name, { mapBytes, imageBytes });
      return { imageBytes, ...(whole ? { sha256: whole.digest('hex') } : {}) };
    },
  };
}

async function* hashed(
  chunks: AsyncIterable<Uint8Array>,
  hash: ReturnType<typeof createHash> | undefined,
): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of chunks) {
    hash?.update(chunk);
    yield chunk;
  }
}
