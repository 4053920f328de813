import { join } from 'node:path';
import type { MachineSpec } from '../rig/contracts/board.js';
import type { Cancellable } from '../rig/contracts/capabilities.js';
import type { DriverContext } from '../rig/contracts/driver.js';
import { findExecutable } from '../rig/lifetime/find-executable.js';
import type { Accelerator } from './accelerator.js';
import { commandLine, type LoadedFiles, qemuProgram, type Wire } from './command-line.js';
import { checkBootFiles, uefiVariables, writeEnvironmentFlash } from './firmware.js';
import { missingQemu } from './host-errors.js';
import type { Identity } from './identity.js';
import { Machine, type MachineListener } from './machine.js';
import type { MediumParts } from './media.js';
import { SerialPipe } from './serial-pipe.js';

export interface StartMachineOptions extends Cancellable {
  readonly spec: MachineSpec;
  readonly accelerator: Accelerator;
  readonly context: DriverContext;
  readonly media: MediumParts;
  readonly firmwareFiles?: LoadedFiles | undefined;
  readonly wire?: Wire | undefined;
  /** Fills the machine with a saved state instead of letting it boot. */
  readonly load?: ((machine: Machine) => Promise<void>) | undefined;
  /** Of the saved state, where there is one. */
  readonly identity: Identity;
  readonly listener: MachineListener;
}

/** Where U-Boot's start-up environment lies in a board's work folder. */
export function environmentFlashIn(workDir: string): string {
  return join(workDir, 'u-boot-environment.flash');
}

/** Starts the QEMU process that plays a board; it stands still until `cont`. @throws RigError `qemu.missing`; what `Machine.start` throws */
export async function startMachine(options: StartMachineOptions): Promise<Machine> {
  const { spec, context, accelerator, media, load, identity, signal, listener } = options;
  const { name, type } = context.board;
  const { program, debianPackage } = qemuProgram(type.arch);
  if (!findExecutable(program)) throw missingQemu(program, debianPackage);
  await checkBootFiles(spec.boot);
  const serial = await SerialPipe.make(context.workDir);
  const args = commandLine(type.arch, spec, {
    serialPath: serial.path,
    accelerator,
    identity,
    ...media,
    firmwareFiles: options.firmwareFiles,
    wire: options.wire,
    environmentFlash: await environmentFlash(spec, context),
    uefiVariables:
      spec.boot.kind === 'uefi' ? await uefiVariables(context.stateDir, spec.boot.variables) : undefined,
    loadsState: load !== undefined,
  });
  return Machine.start({
    board: name,
    program,
    args,
    serial,
    folder: context.workDir,
    restartText: spec.restartText,
    signal,
    prepare: load,
    listener,
  });
}

async function environmentFlash(
  { boot }: MachineSpec,
  { workDir }: DriverContext,
): Promise<string | undefined> {
  if (boot.kind !== 'u-boot' || boot.environment === undefined) return undefined;
  const path = environmentFlashIn(workDir);
  await writeEnvironmentFlash(path, boot.environment);
  return path;
}
