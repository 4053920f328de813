import { z } from 'zod';
import type { Cancellable, PowerState } from '../../rig/contracts/capabilities.js';
import type { Driver } from '../../rig/contracts/driver.js';
import { RigError } from '../../rig/contracts/errors.js';
import { runProgram } from '../../rig/lifetime/run-program.js';
import { driverOptions } from '../options.js';
import { type Actuator, SwitchDevice } from './switch.js';
import { switchShape } from './switch-options.js';

const options = driverOptions(
  z.strictObject({
    hub: z
      .string()
      .regex(/^\d+(?:-\d+(?:\.\d+)*)?$/, {
        error: 'the path of a USB hub, such as 1-1.4 (uhubctl lists them)',
      })
      .meta({ description: 'USB path of the hub: it names the socket, not the adapter.' }),
    port: z.int().min(1).max(31),
    program: z
      .string()
      .min(1)
      .default('uhubctl')
      .meta({ description: 'uhubctl, or one that speaks as it does.' }),
    ...switchShape,
  }),
);

type Parsed = ReturnType<typeof options.parse>;

/** A port of a USB hub that can switch the power of each port (`ppps` in what uhubctl prints). */
export const usbHubPowerDriver: Driver = {
  name: 'power-usb-hub',
  roles: ['power'],
  validate: options.validate,
  optionsSchema: options.optionsSchema,
  claims: (config) => [deviceOf(options.parse(config))],
  open: async (config, context, cancel) => {
    const parsed = options.parse(config);
    return SwitchDevice.open('power-usb-hub', {
      actuator: new HubPort(parsed),
      options: parsed,
      context,
      ...cancel,
    });
  },
};

class HubPort implements Actuator {
  readonly device: string;
  readonly hint =
    'Many hubs say that they switch and do not: look at the list of uhubctl, and measure the port. A device with a power supply of its own stays on.';
  readonly #options: Parsed;

  constructor(parsed: Parsed) {
    this.#options = parsed;
    this.device = deviceOf(parsed);
  }

  async set(state: 'on' | 'off', cancel: Cancellable): Promise<void> {
    await this.#run(['-a', state], cancel);
  }

  async read(cancel: Cancellable): Promise<PowerState> {
    const printed = await this.#run([], cancel);
    const states = portStates(printed, this.#options.port);
    // A hub of USB 3 shows twice, once for each of its halves: the port has power while one of them gives it.
    if (states.includes('on')) return 'on';
    if (states.length > 0) return 'off';
    throw new RigError(
      `Cannot read the power state: ${this.#options.program} told nothing of ${this.device}: ${JSON.stringify(printed.slice(0, 200))}`,
      {
        code: 'power.unreadable-state',
        blame: 'rig',
        hint: 'uhubctl without arguments lists hubs and ports.',
      },
    );
  }

  async #run(args: readonly string[], { signal }: Cancellable): Promise<string> {
    const { hub, port, program, timeout } = this.#options;
    try {
      const all = ['-l', hub, '-p', String(port), ...args];
      return (await runProgram(program, all, { timeoutMs: timeout, signal })).stdout;
    } catch (cause) {
      signal?.throwIfAborted();
      throw new RigError(`Cannot drive ${this.device}: ${(cause as Error).message}`, {
        code: 'power.usb-hub-failed',
        blame: 'rig',
        hint: 'Run uhubctl by hand as this user: it needs the hub at that path, one that it can switch, and the right to write to it (its udev rule 52-usb.rules).',
        cause,
      });
    }
  }
}

/**
 * What `uhubctl -l HUB -p PORT` tells of the port, once for each hub that it lists: `  Port 2: 0503 power highspeed enable
 * connect [0781:5567 …]` or `  Port 2: 0000 off` (uhubctl 2.5, print_port_status). What stands in brackets is the device's.
 */
export function portStates(printed: string, port: number): ('on' | 'off')[] {
  const states: ('on' | 'off')[] = [];
  for (const line of printed.split('\n')) {
    const found = /^ {2}Port (\d+): [0-9a-f]{4}([^[]*)/.exec(line);
    if (found && Number(found[1]) === port)
      states.push(found[2]?.trim().split(' ').includes('power') ? 'on' : 'off');
  }
  return states;
}

function deviceOf({ hub, port }: Parsed): string {
  return `port ${port} of USB hub ${hub}`;
}
