import { z } from 'zod';
import { packageVersion } from '../../rig/config/package.js';
import type { BootFiles, Cancellable, Netboot } from '../../rig/contracts/capabilities.js';
import type { Device, Driver } from '../../rig/contracts/driver.js';
import { messageOf, RigError } from '../../rig/contracts/errors.js';
import { runProgram } from '../../rig/lifetime/run-program.js';
import { duration } from '../../rig/schema/unit-schemas.js';
import { command } from '../command.js';
import { driverOptions } from '../options.js';

const order = command('[/usr/local/bin/netboot, desk]');

const options = driverOptions(
  z.strictObject({
    offer: order.meta({
      description:
        'Program and arguments that serve the folder BOARDRIG_BOOT_FOLDER to this board by TFTP, and tell it the name BOARDRIG_BOOT_FILE by DHCP.',
    }),
    withdraw: order.meta({
      description: 'Program and arguments that put an end to that; harmless where nothing is offered.',
    }),
    timeout: duration.default(30_000).meta({ description: 'Allowed time for each.' }),
  }),
);

type Parsed = ReturnType<typeof options.parse>;

/** The DHCP and TFTP server of a lab, by commands that make it answer one board. */
export const commandNetbootDriver: Driver = {
  name: 'netboot-command',
  roles: ['netboot'],
  validate: options.validate,
  optionsSchema: options.optionsSchema,
  claims: (config) => [`network boot by ${JSON.stringify(options.parse(config).offer)}`],
  open: async (config, _context, cancel) => {
    const netboot = new CommandNetboot(options.parse(config));
    // A session that was killed may have left its offer, and the board would install itself.
    await netboot.withdraw(cancel);
    const end = (): Promise<void> => netboot.withdraw();
    return {
      driver: { name: 'netboot-command', version: packageVersion() },
      capabilities: { netboot },
      [Symbol.asyncDispose]: end,
    } satisfies Device;
  },
};

class CommandNetboot implements Netboot {
  readonly #options: Parsed;

  constructor(parsed: Parsed) {
    this.#options = parsed;
  }

  async offer({ folder, bootFile }: BootFiles, cancel: Cancellable = {}): Promise<void> {
    await this.#run('offer', {
      ...cancel,
      env: { BOARDRIG_BOOT_FOLDER: folder, BOARDRIG_BOOT_FILE: bootFile },
    });
  }

  async withdraw(cancel: Cancellable = {}): Promise<void> {
    await this.#run('withdraw', { ...cancel, env: {} });
  }

  /** Messages name the program only: arguments may hold a password. */
  async #run(
    what: 'offer' | 'withdraw',
    { signal, env }: Cancellable & { readonly env: Readonly<Record<string, string>> },
  ): Promise<void> {
    const [program = '', ...args] = this.#options[what];
    try {
      const { timeout: timeoutMs } = this.#options;
      await runProgram(program, args, { timeoutMs, signal, env: { ...process.env, ...env } });
    } catch (error) {
      signal?.throwIfAborted();
      throw new RigError(
        `Cannot ${what} what the board boots from the network, by the command ${JSON.stringify(what)} of the lab file: ${messageOf(error)}`,
        {
          code: 'netboot.command-failed',
          blame: 'rig',
          hint: 'Run the command by hand, as the same user: it must end with exit code 0 within its time.',
          cause: error,
        },
      );
    }
  }
}
