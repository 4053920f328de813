import type { Cancellable, Drive, ImageFile } from '../contracts/capabilities.js';
import type { MediumWriter } from '../contracts/medium-writer.js';
import { AlignedPool } from './aligned-pool.js';
import { findBmap } from './bmap/find.js';
import { flash, mapOf, pool } from './flash.js';
import { openOwnDrive } from './medium/own-drive.js';
import { serveFlasher } from './netboot/serve-flasher.js';
import { FlashProgress } from './progress.js';
import { FileSource } from './source/file.js';
import { packingOf } from './source/formats.js';
import { ExtentHasher } from './transfer/extents.js';
import { filePieces } from './transfer/image-pieces.js';
import { verifyExtents } from './transfer/verify.js';

/** The flash engine as the runner and suites use it: images are files of this host, drives those that a mux gives. */
export const mediumWriter: MediumWriter = {
  async write(image, drive, { delta, signal } = {}) {
    await using source = await FileSource.open(image.path, image.path);
    const map = await findBmap(image.path, { cwd: '/', signal });
    await using medium = await openOwnDrive(drive, { signal });
    const { mappedBytes, writtenBytes } = await flash(source, medium, {
      map,
      signal,
      ...(delta === undefined ? {} : { delta }),
    });
    return { mappedBytes, writtenBytes };
  },

  verify: readBack,
  serve: serveFlasher,
};

/** The image is read too, even where its map has checksums: then it is known which of the two is wrong. */
async function readBack(image: ImageFile, drive: Drive, { signal }: Cancellable = {}): Promise<void> {
  await using source = await FileSource.open(image.path, image.path);
  packingOf(await source.head({ signal }), source.name);
  const map = await mapOf(source, { map: await findBmap(image.path, { cwd: '/', signal }), signal });
  const hasher = new ExtentHasher(map, { image: source.name, readBack: false });
  const buffers = new AlignedPool(pool);
  for await (const piece of filePieces(source, { ranges: map.ranges, pool: buffers, signal })) {
    try {
      hasher.update(piece.offset, piece.bytes);
    } finally {
      piece.release();
    }
  }
  await using medium = await openOwnDrive(drive, { signal });
  await medium.sync();
  await medium.dropCache({ signal });
  await verifyExtents(medium, hasher.finish(), {
    image: source.name,
    pool: buffers,
    checksumType: map.checksumType,
    progress: new FlashProgress(),
    signal,
  });
}
