import { mkdir } from 'node:fs/promises';
import type { Cancellable } from '../rig/contracts/capabilities.js';
import type { Device, Driver, DriverContext } from '../rig/contracts/driver.js';
import { RigError } from '../rig/contracts/errors.js';
import { chooseAccelerator } from './accelerator.js';
import { qemuVersion } from './version.js';
import { VirtualBoard, type VirtualBoardOptions } from './virtual-board.js';

/** Plays a whole board from `machine` of its type. It has no options: a lab file need not name it. */
export const qemuDriver: Driver = {
  name: 'qemu',
  roles: ['board'],
  optionsSchema: { type: 'object', properties: {}, additionalProperties: false },
  validate: ({ options }) =>
    Object.keys(options).map((key) => ({
      path: [key],
      message: `unknown key "${key}": the qemu driver has no options, the machine is described in the board type`,
    })),
  open: (_config, context, options) => openVirtualBoard(context, options),
};

/** @throws RigError `qemu.no-machine`, `qemu.missing` */
export async function openVirtualBoard(
  context: DriverContext,
  { wire, signal }: Cancellable & Pick<VirtualBoardOptions, 'wire'> = {},
): Promise<Device> {
  const { board } = context;
  const spec = board.type.machine;
  if (!spec) {
    throw new RigError(
      `Board "${board.name}" cannot be played: its type "${board.type.name}" has no machine`,
      {
        code: 'qemu.no-machine',
        blame: 'config',
        hint: 'Add `machine` to the board type, or give the board drivers of its real devices.',
      },
    );
  }
  const version = await qemuVersion(board.type.arch, { signal });
  for (const folder of [context.workDir, context.stateDir])
    await mkdir(folder, { recursive: true, mode: 0o700 });
  const accelerator = chooseAccelerator(board.type.arch);
  context.emit({ kind: 'note', name: 'accelerator', data: { ...accelerator } });
  return new VirtualBoard({ spec, accelerator, context, version, wire });
}
