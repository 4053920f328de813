import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Mux } from '../../../contracts/capabilities.js';
import { RigError } from '../../../contracts/errors.js';

const sectorBytes = 512;

/**
 * Whether the mux really switches, and one card at that: a nonce on the last sector of the medium must still be there after the
 * medium was with the board and its drive was gone. The sector is put back as it was. The board must be off.
 */
export async function checkMux(mux: Mux, signal: AbortSignal): Promise<string> {
  const nonce = randomBytes(sectorBytes);
  const { sizeBytes } = await mux.toRig({ signal });
  const at = sizeBytes - sectorBytes;
  const before = await readAt(mux, { at, signal });
  await writeAt(mux, { at, bytes: nonce, signal });
  let found: Buffer;
  try {
    await mux.toBoard({ signal });
    found = await readAt(mux, { at, signal });
  } finally {
    // Also after an abort: the card is somebody's.
    await writeAt(mux, { at, bytes: before });
    await mux.toBoard();
  }
  if (found.equals(nonce)) return 'to the board and back, with the same card';
  throw new RigError('The medium that came back from the board is not the one that went there', {
    code: 'check.other-medium',
    blame: 'rig',
    hint: 'The card reader at the rig is not behind the mux, or two cards are in play: look at the options of the mux in the lab file.',
  });
}

async function readAt(mux: Mux, { at, signal }: { at: number; signal: AbortSignal }): Promise<Buffer> {
  const { path } = await mux.toRig({ signal });
  await using file = await open(path, 'r');
  return (await file.read(Buffer.alloc(sectorBytes), 0, sectorBytes, at)).buffer;
}

async function writeAt(
  mux: Mux,
  { at, bytes, signal }: { at: number; bytes: Buffer; signal?: AbortSignal },
): Promise<void> {
  const { path } = await mux.toRig({ signal });
  await using file = await open(path, 'r+');
  await file.write(bytes, 0, sectorBytes, at);
  await file.sync();
}
