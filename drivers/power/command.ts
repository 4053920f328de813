import { z } from 'zod';
import { packageVersion } from '../../rig/config/package.js';
import type { Cancellable, Power, PowerState } from '../../rig/contracts/capabilities.js';
import type { Device, Driver, DriverContext } from '../../rig/contracts/driver.js';
import { RigError } from '../../rig/contracts/errors.js';
import { pause } from '../../rig/lifetime/abortable.js';
import { pollUntil } from '../../rig/lifetime/poll.js';
import { runProgram } from '../../rig/lifetime/run-program.js';
import { SerialQueue } from '../../rig/lifetime/serial-queue.js';
import { duration } from '../../rig/schema/unit-schemas.js';
import { driverOptions } from '../options.js';

const commandWanted = 'a list of a program and its arguments, such as [uhubctl, -a, on] (no shell reads it)';
const command = z
  .array(z.string({ error: 'text (put numbers in quotes)' }), { error: commandWanted })
  .min(1, { error: commandWanted });

const options = driverOptions(
  z.strictObject({
    on: command.meta({
      description: 'Program and arguments that switch the board on; harmless when it is on.',
    }),
    off: command.meta({
      description: 'Program and arguments that switch the board off; harmless when it is off.',
    }),
    state: command.optional().meta({
      description: 'Program and arguments that print `on` or `off`. Without it the last command counts.',
    }),
    timeout: duration
      .default(30_000)
      .meta({ description: 'Allowed time for each command, and for the state to follow it.' }),
    settle: duration
      .default(0)
      .meta({ description: 'Shortest time that the board stays off, counted from the last power-off.' }),
  }),
);

type Parsed = ReturnType<typeof options.parse>;

/** A power switch behind commands of the lab: a PDU's client, uhubctl, a script. */
export const commandPowerDriver: Driver = {
  name: 'power-command',
  roles: ['power'],
  validate: options.validate,
  optionsSchema: options.optionsSchema,
  claims: (config) => [`power switch ${JSON.stringify(options.parse(config).on)}`],
  open: async (config, context) => new CommandPower(options.parse(config), context),
};

class CommandPower implements Device {
  readonly driver = { name: commandPowerDriver.name, version: packageVersion() };
  readonly capabilities: { readonly power: Power };
  readonly #options: Parsed;
  readonly #emit: DriverContext['emit'];
  readonly #queue = new SerialQueue();
  /** What the last command that ended well made of it. */
  #tracked: PowerState = 'unknown';
  #offSinceMs = Number.NEGATIVE_INFINITY;
  #closed = false;
  #disposed: Promise<void> | undefined;

  constructor(parsed: Parsed, context: DriverContext) {
    this.#options = parsed;
    this.#emit = context.emit;
    this.capabilities = {
      power: {
        on: (cancel) => this.#queue.run(() => this.#switch('on', cancel), cancel),
        off: (cancel) => this.#queue.run(() => this.#switch('off', cancel), cancel),
        state: (cancel) => this.#queue.run(() => this.#state(cancel), cancel),
      },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#disposed ??= this.#queue.run(async () => {
      if (this.#tracked !== 'off') await this.#switch('off', {});
    });
    return this.#disposed;
  }

  async #switch(wanted: 'on' | 'off', { signal }: Cancellable = {}): Promise<void> {
    if (this.#closed && wanted === 'on') throw closedError();
    const before = this.#tracked;
    // A command may stand for a push of a button: never push where the state is right already.
    if (this.#options.state && (await this.#state({ signal })) === wanted) return;
    if (wanted === 'on') {
      const restMs = this.#offSinceMs + this.#options.settle - performance.now();
      if (restMs > 0) await pause(restMs, { signal });
    }
    // Until the command has ended well, nobody knows.
    this.#tracked = 'unknown';
    await this.#run(wanted, signal);
    if (this.#options.state)
      await pollUntil(async () => (await this.#state({ signal })) === wanted, {
        timeoutMs: this.#options.timeout,
        everyMs: 200,
        signal,
        what: `the command "state" to print ${wanted} after the command ${JSON.stringify(wanted)} had ended`,
        hint: `Run both commands by hand: either "${wanted}" does not switch this board, or "state" reads another.`,
      });
    if (wanted === 'off') this.#offSinceMs = performance.now();
    this.#tracked = wanted;
    // Without a state command the same order is given again, in case it was lost; that is no news.
    if (this.#options.state || before !== wanted) this.#emit({ kind: 'power', state: wanted, cause: 'rig' });
  }

  async #state({ signal }: Cancellable = {}): Promise<PowerState> {
    if (!this.#options.state) return this.#tracked;
    const printed = (await this.#run('state', signal)).trim();
    const state = /^(?:(on|1)|(off|0))$/i.exec(printed);
    if (!state) {
      throw new RigError(
        `Cannot read the power state: the command "state" (${this.#options.state[0]}) printed ${JSON.stringify(printed.slice(0, 200))}, expected on or off`,
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
        `Cannot ${what === 'state' ? 'read the power state' : `switch the power ${what}`} with the command ${JSON.stringify(what)} of the lab file: ${error instanceof Error ? error.message : String(error)}`,
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

function closedError(): RigError {
  return new RigError('Cannot switch the power on: the board was closed', {
    code: 'power.closed',
    blame: 'rig',
    hint: 'The session that held the board has ended; start it again.',
  });
}
