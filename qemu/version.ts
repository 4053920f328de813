import type { Architecture } from '../rig/contracts/board.js';
import type { Cancellable } from '../rig/contracts/capabilities.js';
import { RigError } from '../rig/contracts/errors.js';
import { runProgram } from '../rig/lifetime/run-program.js';
import { qemuProgram } from './command-line.js';
import { missingQemu } from './host-errors.js';

/** `7.2.22 (Debian 1:7.2+dfsg-7)`. @throws RigError `qemu.missing` */
export async function qemuVersion(arch: Architecture, { signal }: Cancellable): Promise<string> {
  const { program, debianPackage } = qemuProgram(arch);
  try {
    const { stdout } = await runProgram(program, ['--version'], { signal });
    // `QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)`
    return /version (.+)/.exec(stdout)?.[1] ?? 'unknown';
  } catch (error) {
    if (error instanceof RigError && error.code === 'process.missing')
      throw missingQemu(program, debianPackage, error);
    throw error;
  }
}
