import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cancellable } from '../rig/contracts/capabilities.js';
import type { Machine } from './machine.js';

/** A picture of what the machine's display shows (qapi/ui.json, `screendump`); one at a time in each folder. */
export async function pictureOf(
  machine: Machine,
  { folder, signal }: Cancellable & { readonly folder: string },
): Promise<Uint8Array> {
  const filename = join(folder, 'display.png');
  try {
    await machine.execute('screendump', { filename, format: 'png' }, { signal });
    return await readFile(filename, { signal });
  } finally {
    await rm(filename, { force: true });
  }
}
