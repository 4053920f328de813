import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../rig/config/package.js';

/** Where the scripts lie that run on the board. */
export const guestFolder = join(packageRoot, 'qemu', 'image', 'guest');

/** A script of the board, with each `@KEY@` of `fill` replaced. */
export async function guestFile(name: string, fill: Readonly<Record<string, string>> = {}): Promise<string> {
  const text = await readFile(join(guestFolder, name), 'utf8');
  return text.replace(/@([A-Z]+)@/g, (whole, key: string) => fill[key] ?? whole);
}
