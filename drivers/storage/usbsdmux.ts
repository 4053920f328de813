import { readdirSync, readlinkSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import type { Cancellable, MuxSide } from '../../rig/contracts/capabilities.js';
import type { Driver } from '../../rig/contracts/driver.js';
import { RigError } from '../../rig/contracts/errors.js';
import { runProgram } from '../../rig/lifetime/run-program.js';
import { driverOptions } from '../options.js';
import { MuxDevice, muxShape, type Selector } from './mux.js';
import { type DeviceFolders, hostFolders, UsbReader, usbPathOf } from './usb-drive.js';

const options = driverOptions(
  z.strictObject({
    serial: z
      .string()
      .regex(/^[\w.-]+$/, { error: 'the serial number of the mux, such as 00048.00643' })
      .meta({ description: 'Serial number: /dev/usb-sd-mux/ lists those that are plugged in.' }),
    program: z.string().min(1).default('usbsdmux'),
    ...muxShape,
  }),
);

/** Its word for each side; it has a third, `off`: connected to neither. */
const words = { rig: 'host', board: 'dut' } as const;

/** A USB-SD-Mux of Linux Automation, by its own program. */
export function usbsdmuxDriver(folders: DeviceFolders = hostFolders): Driver {
  return {
    name: 'mux-usbsdmux',
    roles: ['mux'],
    validate: options.validate,
    optionsSchema: options.optionsSchema,
    claims: (config) => [`USB-SD-Mux ${options.parse(config).serial}`],
    open: async (config, context) => {
      const { serial, program, appear } = options.parse(config);
      const path = join(folders.dev, 'usb-sd-mux', `id-${serial}`);
      const device = await realpath(path).catch((cause) => {
        throw missing(serial, { folders, cause });
      });
      // The reader is in the same USB device as the /dev/sg* that takes the orders.
      const usb = usbPathOf(join(folders.sys, 'class/scsi_generic', basename(device)));
      if (usb === undefined)
        throw missing(serial, { folders, cause: new Error(`${device} is in no USB device`) });
      return new MuxDevice('mux-usbsdmux', {
        selector: new Program(program, { path, timeoutMs: appear }),
        reader: new UsbReader(usb, folders),
        appear,
        context,
      });
    },
  };
}

class Program implements Selector {
  readonly #program: string;
  readonly #path: string;
  readonly #timeoutMs: number;

  constructor(program: string, { path, timeoutMs }: { path: string; timeoutMs: number }) {
    this.#program = program;
    this.#path = path;
    this.#timeoutMs = timeoutMs;
  }

  async select(side: MuxSide, cancel: Cancellable): Promise<void> {
    await this.#run(words[side], cancel);
  }

  async read(cancel: Cancellable): Promise<MuxSide | undefined> {
    const said = (await this.#run('get', cancel)).trim();
    if (said === 'off') return undefined;
    const side = (['rig', 'board'] as const).find((each) => words[each] === said);
    if (side) return side;
    throw new RigError(
      `${this.#program} says ${JSON.stringify(said.slice(0, 100))}, expected host, dut or off`,
      {
        code: 'storage.unreadable-side',
        blame: 'rig',
        hint: `Run it by hand: ${this.#program} ${this.#path} get`,
      },
    );
  }

  async #run(word: string, { signal }: Cancellable): Promise<string> {
    try {
      const limits = { timeoutMs: this.#timeoutMs, signal };
      return (await runProgram(this.#program, [this.#path, word], limits)).stdout;
    } catch (cause) {
      signal?.throwIfAborted();
      throw new RigError(`Cannot drive the USB-SD-Mux ${this.#path}: ${(cause as Error).message}`, {
        code: 'storage.usbsdmux-failed',
        blame: 'rig',
        hint: 'Run it by hand as this user: usbsdmux must be installed and its udev rule must let the group plugdev in.',
        cause,
      });
    }
  }
}

function missing(serial: string, { folders, cause }: { folders: DeviceFolders; cause: unknown }): RigError {
  let there: string[] = [];
  try {
    const folder = join(folders.dev, 'usb-sd-mux');
    there = readdirSync(folder).map(
      (name) => `${name.replace(/^id-/, '')} (${readlinkSync(join(folder, name))})`,
    );
  } catch {
    // No folder: none is plugged in, or its udev rule is missing.
  }
  return new RigError(
    `Cannot find the USB-SD-Mux ${serial}: ${there.length === 0 ? 'none is plugged in' : `there is ${there.join(', ')}`}`,
    {
      code: 'storage.no-such-mux',
      blame: 'rig',
      hint: 'Plug it in; the udev rule that comes with the package usbsdmux makes /dev/usb-sd-mux/.',
      cause,
    },
  );
}
