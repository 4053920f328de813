import { copyFile, open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Cancellable } from '../../contracts/capabilities.js';
import type { Bundle, BundleDamage } from '../../contracts/update.js';
import { fileFacts } from './file-facts.js';

/** A spoilt copy of `bundle` in `folder`. */
export async function damagedCopy(
  bundle: Bundle,
  { damage, folder, signal }: Cancellable & { readonly damage: BundleDamage; readonly folder: string },
): Promise<Bundle> {
  const path = join(folder, `${damage}-${basename(bundle.path)}`);
  await copyFile(bundle.path, path);
  const middle = Math.floor(bundle.sizeBytes / 2);
  {
    await using file = await open(path, 'r+');
    if (damage === 'truncated') await file.truncate(middle);
    else {
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, middle);
      await file.write(Buffer.of((buffer[0] ?? 0) ^ 0xff), 0, 1, middle);
    }
  }
  return { ...bundle, path, ...(await fileFacts(path, { signal })) };
}
