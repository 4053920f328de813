import { readFile, writeFile } from 'node:fs/promises';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import { runProgram } from '../../rig/lifetime/run-program.js';

/** Fields of the header (kernel: Documentation/x86/boot.rst, "The Real-Mode Kernel Header"). */
const setupSectors = 0x1f1;
const payloadOffset = 0x248;
const payloadLength = 0x24c;
/** The payload ends with its size unpacked, which is no part of the XZ stream. */
const sizeField = 4;

/**
 * Writes the ELF file that a bzImage holds to `PATH`: QEMU starts it by PVH, and half the CPU time of a boot under TCG, which goes
 * into unpacking, is saved.
 *
 * @throws RigError `process.failed` when the payload is not XZ
 */
export async function unpackKernel(
  bzImage: string,
  { path, signal }: { path: string } & Cancellable,
): Promise<void> {
  const bytes = await readFile(bzImage);
  const start = (bytes.readUInt8(setupSectors) + 1) * 512 + bytes.readUInt32LE(payloadOffset);
  const end = start + bytes.readUInt32LE(payloadLength) - sizeField;
  await writeFile(`${path}.xz`, bytes.subarray(start, end));
  await runProgram('xz', ['--decompress', `${path}.xz`], { signal });
}
