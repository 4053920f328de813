import { z } from 'zod';
import type { Cancellable } from '../../rig/contracts/capabilities.js';
import type { Driver } from '../../rig/contracts/driver.js';
import { RigError } from '../../rig/contracts/errors.js';
import { pause } from '../../rig/lifetime/abortable.js';
import { duration } from '../../rig/schema/unit-schemas.js';
import { chooseLines } from '../lines/choose.js';
import { wordsFor } from '../lines/find-line.js';
import type { InputLine, LineSource, OutputLine } from '../lines/line.js';
import { activeOption, biasOption, lineOption } from '../lines/line-options.js';
import { driverOptions } from '../options.js';
import { type Actuator, SwitchDevice } from './switch.js';
import { switchShape } from './switch-options.js';

const options = driverOptions(
  z.strictObject({
    button: z.strictObject({ line: lineOption, active: activeOption }),
    sense: z
      .strictObject({ line: lineOption, active: activeOption, bias: biasOption })
      .meta({ description: 'The line that tells whether the board has power: a rail, a power LED.' }),
    press: duration.default(200).meta({ description: 'How long a short press lasts.' }),
    hold: duration
      .default(6_000)
      .meta({ description: 'How long the press lasts that forces the board off.' }),
    ...switchShape,
  }),
);

type Parsed = ReturnType<typeof options.parse>;

/**
 * A power button that the rig presses, with a line that tells what came of it. The button toggles, so it is never pressed
 * blind: the sense line decides whether, and says whether it worked. Off is forced by a long press.
 */
export function buttonPowerDriver(source: () => Promise<LineSource> = chooseLines): Driver {
  return {
    name: 'power-button',
    roles: ['power'],
    validate: options.validate,
    optionsSchema: options.optionsSchema,
    claims: (config) => {
      const { button, sense } = options.parse(config);
      return [wordsFor(button.line), wordsFor(sense.line)];
    },
    open: async (config, context, cancel) => {
      const parsed = options.parse(config);
      const lines = await source();
      const consumer = `rig ${context.board.name}`;
      const sense = await lines.openInput(parsed.sense.line, {
        consumer: `${consumer} sense`,
        activeLow: parsed.sense.active === 'low',
        bias: parsed.sense.bias,
      });
      let button: OutputLine;
      try {
        button = await lines.openOutput(parsed.button.line, {
          consumer: `${consumer} button`,
          activeLow: parsed.button.active === 'low',
          initial: 0,
        });
      } catch (error) {
        await sense[Symbol.asyncDispose]();
        throw error;
      }
      const actuator = new Button(parsed, { button, sense });
      return SwitchDevice.open('power-button', {
        actuator,
        options: parsed,
        context,
        more: (between) => ({
          powerButton: { press: (cancel) => between(() => actuator.pressWhileOn(cancel)) },
        }),
        ...cancel,
      });
    },
  };
}

class Button implements Actuator {
  readonly device: string;
  readonly hint =
    'Look whether the sense line follows the board (gpiomon), and whether press and hold are as long as the board wants them.';
  readonly #options: Parsed;
  readonly #button: OutputLine;
  readonly #sense: InputLine;

  constructor(parsed: Parsed, lines: { button: OutputLine; sense: InputLine }) {
    this.#options = parsed;
    this.#button = lines.button;
    this.#sense = lines.sense;
    this.device = `the power button at ${wordsFor(parsed.button.line)}`;
  }

  set(state: 'on' | 'off', cancel: Cancellable): Promise<void> {
    return this.#press(state === 'on' ? this.#options.press : this.#options.hold, cancel);
  }

  async read(): Promise<'on' | 'off'> {
    return (await this.#sense.get()) === 1 ? 'on' : 'off';
  }

  /** A short press asks the running system to shut down. */
  async pressWhileOn(cancel: Cancellable = {}): Promise<void> {
    cancel.signal?.throwIfAborted();
    if ((await this.read()) !== 'on')
      throw new RigError('Cannot press the power button: the board is off, and a press would start it', {
        code: 'power.board-off',
        blame: 'suite',
        hint: 'Power the board on first.',
      });
    await this.#press(this.#options.press, cancel);
  }

  async close(): Promise<void> {
    try {
      await this.#button[Symbol.asyncDispose]();
    } finally {
      await this.#sense[Symbol.asyncDispose]();
    }
  }

  /** Let go whatever happens: a button that stays pressed forces the board off. */
  async #press(ms: number, { signal }: Cancellable): Promise<void> {
    await this.#button.set(1);
    try {
      await pause(ms, { signal });
    } finally {
      await this.#button.set(0);
    }
  }
}
