import { mkdir } from 'node:fs/promises';
import type { Driver } from '../rig/contracts/driver.js';
import { RigError } from '../rig/contracts/errors.js';
import { chooseAccelerator } from './accelerator.js';
import { qemuVersion } from './version.js';
import { VirtualBoard } from './virtual-board.js';

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
  /** @throws RigError `qemu.no-machine`, `qemu.missing` */
  async open(_config, context, options = {}) {
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
    const version = await qemuVersion(board.type.arch, options);
    for (const folder of [context.workDir, context.stateDir])
      await mkdir(folder, { recursive: true, mode: 0o700 });
    const accelerator = chooseAccelerator(board.type.arch);
    context.emit({ kind: 'note', name: 'accelerator', data: { ...accelerator } });
    return new VirtualBoard({ spec, accelerator, context, version });
  },
};
