import { z } from 'zod';
import type { Driver } from '../../rig/contracts/driver.js';
import { pause } from '../../rig/lifetime/abortable.js';
import { duration } from '../../rig/schema/unit-schemas.js';
import { chooseLines } from '../lines/choose.js';
import { wordsFor } from '../lines/find-line.js';
import type { LineSource } from '../lines/line.js';
import { activeOption, lineOption } from '../lines/line-options.js';
import { driverOptions } from '../options.js';
import { SwitchDevice } from './switch.js';
import { switchShape } from './switch-options.js';

const options = driverOptions(
  z.strictObject({
    line: lineOption,
    active: activeOption.meta({ description: 'Level of the line at which the board has power.' }),
    contact: duration
      .default(30)
      .meta({ description: 'Time that the contacts of the relay take to move and to stop bouncing.' }),
    ...switchShape,
  }),
);

/**
 * A relay on a GPIO line, held while the session lasts. The line cannot tell whether the contacts moved, only what it was
 * told: what is read back is the line.
 *
 * @param source where lines come from; tests hand in another
 */
export function gpioPowerDriver(source: () => Promise<LineSource> = chooseLines): Driver {
  return {
    name: 'power-gpio',
    roles: ['power'],
    validate: options.validate,
    optionsSchema: options.optionsSchema,
    claims: (config) => [wordsFor(options.parse(config).line)],
    open: async (config, context, cancel) => {
      const parsed = options.parse(config);
      const lines = await source();
      const line = await lines.openOutput(parsed.line, {
        consumer: `rig ${context.board.name} power`,
        activeLow: parsed.active === 'low',
        initial: 0,
      });
      context.emit({ kind: 'note', name: 'gpio', data: `${line.label}: ${lines.reason}` });
      return SwitchDevice.open('power-gpio', {
        actuator: {
          device: wordsFor(parsed.line),
          hint: 'Look whether something else drives the line: gpioinfo names its user.',
          set: async (state, { signal }) => {
            await line.set(state === 'on' ? 1 : 0);
            await pause(parsed.contact, { signal });
          },
          read: async () => ((await line.get()) === 1 ? 'on' : 'off'),
          close: async () => line[Symbol.asyncDispose](),
        },
        options: parsed,
        context,
        ...cancel,
      });
    },
  };
}
