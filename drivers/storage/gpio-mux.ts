import { z } from 'zod';
import type { Cancellable, MuxSide } from '../../rig/contracts/capabilities.js';
import type { Driver, DriverContext } from '../../rig/contracts/driver.js';
import { pause } from '../../rig/lifetime/abortable.js';
import { duration } from '../../rig/schema/unit-schemas.js';
import { chooseLines } from '../lines/choose.js';
import { wordsFor } from '../lines/find-line.js';
import type { LineSource, WantedLine } from '../lines/line.js';
import { lineOption } from '../lines/line-options.js';
import { driverOptions } from '../options.js';
import { MuxDevice, muxShape, type Selector, usbPath } from './mux.js';
import { type DeviceFolders, hostFolders, UsbReader } from './usb-drive.js';

const options = driverOptions(
  z.strictObject({
    line: lineOption,
    rig: z
      .enum(['high', 'low'])
      .meta({ description: 'Level of the line at which the medium is at the rig.' }),
    reader: usbPath.meta({ description: 'USB path of the card reader behind the mux.' }),
    contact: duration.default(50).meta({ description: 'Time that the mux takes to switch.' }),
    ...muxShape,
  }),
);

/** A mux that a GPIO line switches, held while the session lasts. */
export function gpioMuxDriver(
  source: () => Promise<LineSource> = chooseLines,
  folders: DeviceFolders = hostFolders,
): Driver {
  return {
    name: 'mux-gpio',
    roles: ['mux'],
    validate: options.validate,
    optionsSchema: options.optionsSchema,
    claims: (config) => {
      const { line, reader } = options.parse(config);
      return [wordsFor(line), `card reader at USB ${reader}`];
    },
    open: async (config, context) => {
      const { line, rig, reader, contact, appear } = options.parse(config);
      const selector = await lineSelector(await source(), {
        line,
        rigLevel: rig === 'high' ? 1 : 0,
        contact,
        context,
      });
      return new MuxDevice('mux-gpio', { selector, reader: new UsbReader(reader, folders), appear, context });
    },
  };
}

/**
 * Opens the line with the medium at the board: that is where it belongs when nobody asked for it. Where it was before is
 * nobody's knowledge, so the first switch is made in any case.
 */
export async function lineSelector(
  lines: LineSource,
  {
    line: wanted,
    rigLevel,
    contact,
    context,
  }: { line: WantedLine; rigLevel: 0 | 1; contact: number; context: DriverContext },
): Promise<Selector> {
  const levelOf = (side: MuxSide): 0 | 1 => (side === 'rig' ? rigLevel : rigLevel === 1 ? 0 : 1);
  const line = await lines.openOutput(wanted, {
    consumer: `rig ${context.board.name} mux`,
    activeLow: false,
    initial: levelOf('board'),
  });
  context.emit({ kind: 'note', name: 'gpio', data: `${line.label}: ${lines.reason}` });
  return {
    select: async (side: MuxSide, { signal }: Cancellable) => {
      await line.set(levelOf(side));
      await pause(contact, { signal });
    },
    close: async () => line[Symbol.asyncDispose](),
  };
}
