import { openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { ReadStream } from 'node:tty';
import { z } from 'zod';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import type { Driver } from '../../rig/contracts/driver.js';
import { RigError } from '../../rig/contracts/errors.js';
import { Deadline } from '../../rig/lifetime/deadline.js';
import { duration } from '../../rig/schema/unit-schemas.js';
import { driverOptions } from '../options.js';
import { SwitchDevice } from './switch.js';
import { switchShape } from './switch-options.js';

const options = driverOptions(
  z.strictObject({
    what: z
      .string()
      .min(1)
      .max(200)
      .regex(/^[^\p{Cc}]*$/u, { error: 'one line of plain text' })
      .optional()
      .meta({ description: 'What the person switches: "the blue plug on the left" (default: the board).' }),
    timeout: duration.default(600_000).meta({ description: 'How long the rig waits for the person.' }),
    settle: switchShape.settle,
  }),
);

/** A person at the terminal of the command, who switches what the rig cannot. */
export const manualPowerDriver: Driver = {
  name: 'power-manual',
  roles: ['power'],
  validate: options.validate,
  optionsSchema: options.optionsSchema,
  open: async (config, context, cancel) => {
    const parsed = options.parse(config);
    const what = parsed.what ?? `the board ${context.board.name}`;
    const actuator = {
      device: `the person who switches ${what}`,
      hint: '',
      certain: true,
      set: (state: 'on' | 'off', options: Cancellable) =>
        confirmed(`Switch ${what} ${state}`, { ...options, timeoutMs: parsed.timeout }),
    };
    // Nobody reads a state back, so a first off is asked for too: who knows how the board was left.
    return SwitchDevice.open('power-manual', {
      actuator,
      options: { ...parsed, offReads: 1 },
      context,
      ...cancel,
    });
  },
};

/** Asks on the terminal of this process, whatever its standard streams are. */
async function confirmed(
  request: string,
  { signal, timeoutMs }: Cancellable & { timeoutMs: number },
): Promise<void> {
  using deadline = new Deadline({ timeoutMs, signal, what: `somebody to do this: ${request}` });
  const file = openTerminal(request);
  writeSync(file, `\n${request}, then press Enter: `);
  // It closes the file.
  const terminal = new ReadStream(file);
  const lines = createInterface({ input: terminal });
  try {
    await deadline.race(
      new Promise<void>((resolve, reject) => {
        lines.once('line', () => resolve());
        lines.once('close', () => reject(new Error('The terminal was closed')));
        terminal.once('error', reject);
      }),
    );
  } finally {
    lines.close();
    terminal.destroy();
  }
}

function openTerminal(request: string): number {
  try {
    return openSync('/dev/tty', 'r+');
  } catch (cause) {
    throw new RigError(`Nobody can be asked to do this: ${request}`, {
      code: 'power.nobody-to-ask',
      blame: 'rig',
      hint: 'This process has no terminal. rig run and rig check own a board that has no session: use them in a terminal, without rig up.',
      cause,
    });
  }
}
