import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { damaged, unsafe } from './tar-reader.js';

const magic = 0x51_46_49_fb;
/** `incompatible_features` of the header, a big-endian word of 64 bits, and its bit "external data file" (QEMU's docs/interop/qcow2.txt). */
const featuresAt = 72;
const externalDataFile = 1n << 2n;
const headBytes = 104;

/**
 * A saved medium can name another file as the place of its data, and QEMU would open it: the guest could read any file of its
 * user. (The image below is always named by us, whatever the header says.)
 *
 * @throws RigError `pack.unsafe`, `pack.damaged`
 */
export async function assertHarmlessMedia(runDir: string): Promise<void> {
  const entries = await readdir(runDir, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries)
    if (entry.isFile() && entry.name.endsWith('.qcow2'))
      await assertHarmless(join(entry.parentPath, entry.name), entry.name);
}

async function assertHarmless(path: string, name: string): Promise<void> {
  const head = Buffer.alloc(headBytes);
  await using file = await open(path, 'r');
  const { bytesRead } = await file.read(head, 0, headBytes, 0);
  if (bytesRead < headBytes || head.readUInt32BE(0) !== magic || head.readUInt32BE(4) !== 3)
    throw damaged(`${name} is no medium`);
  if ((head.readBigUInt64BE(featuresAt) & externalDataFile) !== 0n)
    throw unsafe(`${name} keeps its data in a file outside the pack`);
}
