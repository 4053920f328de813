import { z } from 'zod';
import type { Cancellable, PowerState } from '../../rig/contracts/capabilities.js';
import type { Driver } from '../../rig/contracts/driver.js';
import { messageOf, RigError } from '../../rig/contracts/errors.js';
import { runProgram } from '../../rig/lifetime/run-program.js';
import { command } from '../command.js';
import { driverOptions } from '../options.js';
import { type Actuator, SwitchDevice } from './switch.js';
import { switchShape } from './switch-options.js';

const order = command('[uhubctl, -a, on]');

const options = driverOptions(
  z.strictObject({
    on: order.meta({
      description: 'Program and arguments that switch the board on; harmless when it is on.',
    }),
    off: order.meta({
      description: 'Program and arguments that switch the board off; harmless when it is off.',
    }),
    state: order.optional().meta({
      description: 'Program and arguments that print `on` or `off`. Without it the last command counts.',
    }),
    ...switchShape,
  }),
);

type Parsed = ReturnType<typeof options.parse>;

/** A power switch behind commands of the lab: a PDU's client, a script. */
export const commandPowerDriver: Driver = {
  name: 'power-command',
  roles: ['power'],
  validate: options.validate,
  optionsSchema: options.optionsSchema,
  claimScope: 'lab',
  claims: (config) => [`power switch ${JSON.stringify(options.parse(config).on)}`],
  open: async (config, context, cancel) => {
    const parsed = options.parse(config);
    const actuator = new CommandActuator(parsed);
    return SwitchDevice.open('power-command', { actuator, options: parsed, context, ...cancel });
  },
};

class CommandActuator implements Actuator {
  readonly device: string;
  readonly hint =
    'Run both commands by hand: either they do not switch this board, or "state" reads another.';
  readonly #options: Parsed;
  readonly read?: Actuator['read'];

  constructor(parsed: Parsed) {
    this.#options = parsed;
    // Arguments may hold a password.
    this.device = `the command "${parsed.state ? 'state' : 'on'}" of the lab file`;
    if (parsed.state) this.read = (cancel) => this.#state(cancel);
  }

  async set(state: 'on' | 'off', { signal }: Cancellable): Promise<void> {
    await this.#run(state, signal);
  }

  async #state({ signal }: Cancellable): Promise<PowerState> {
    const printed = (await this.#run('state', signal)).trim();
    const state = /^(?:(on|1)|(off|0))$/i.exec(printed);
    if (!state) {
      throw new RigError(
        `Cannot read the power state: the command "state" (${this.#options.state?.[0]}) printed ${JSON.stringify(printed.slice(0, 200))}, expected on or off`,
        {
          code: 'power.unreadable-state',
          blame: 'rig',
          hint: 'Make the command print one word, on or off, or leave "state" out.',
        },
      );
    }
    return state[1] === undefined ? 'off' : 'on';
  }

  /** Messages name the program only: arguments may hold a password. */
  async #run(what: 'on' | 'off' | 'state', signal: AbortSignal | undefined): Promise<string> {
    const [program = '', ...args] = this.#options[what] ?? [];
    try {
      const result = await runProgram(program, args, { timeoutMs: this.#options.timeout, signal });
      return result.stdout;
    } catch (error) {
      signal?.throwIfAborted();
      throw new RigError(
        `Cannot ${what === 'state' ? 'read the power state' : `switch the power ${what}`} with the command ${JSON.stringify(what)} of the lab file: ${messageOf(error)}`,
        {
          code: 'power.command-failed',
          blame: 'rig',
          hint: 'Run the command by hand, as the same user: it must end with exit code 0 within its time.',
          cause: error,
        },
      );
    }
  }
}
