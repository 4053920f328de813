import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Driver } from '../../rig/contracts/driver.js';
import { RigError } from '../../rig/contracts/errors.js';
import { chooseLines } from '../lines/choose.js';
import type { LineSource } from '../lines/line.js';
import { driverOptions } from '../options.js';
import { lineSelector } from './gpio-mux.js';
import { MuxDevice, muxShape } from './mux.js';
import { type DeviceFolders, hostFolders, UsbReader } from './usb-drive.js';

const options = driverOptions(
  z.strictObject({
    serial: z.string().min(1).max(64).meta({
      description: 'Serial number of its FTDI chip, as lsusb -v shows it (sd-mux-ctrl writes it: sdw-1).',
    }),
    ...muxShape,
  }),
);

/** CBUS0 of its FT200X drives the switch: 1 is the test server, 0 the board (sd-mux-ctrl, selectTarget). */
const selectLine = { chip: 'ftdi-cbus', offset: 0 } as const;
const rigLevel = 1;
/** On its own hub the card reader is port 1 and the FTDI chip port 2 (SDWire's schematic: USB2422). */
const readerPort = 1;
const contactMs = 200;

/** An SDWire: a hub with a card reader and an FTDI chip whose CBUS0 switches the card. The kernel shows the pin as a GPIO line. */
export function sdwireDriver(
  source: () => Promise<LineSource> = chooseLines,
  folders: DeviceFolders = hostFolders,
): Driver {
  return {
    name: 'mux-sdwire',
    roles: ['mux'],
    validate: options.validate,
    optionsSchema: options.optionsSchema,
    claims: (config) => [`SDWire ${options.parse(config).serial}`],
    open: async (config, context) => {
      const { serial, appear } = options.parse(config);
      const chip = findBySerial(serial, folders);
      const reader = `${chip.slice(0, chip.lastIndexOf('.'))}.${readerPort}`;
      const selector = await lineSelector(await source(), {
        line: { ...selectLine, serial, usb: chip },
        rigLevel,
        contact: contactMs,
        context,
      });
      return new MuxDevice('mux-sdwire', {
        selector,
        reader: new UsbReader(reader, folders),
        appear,
        context,
      });
    },
  };
}

/** @throws RigError `storage.no-such-mux`, `storage.several-muxes` with their USB paths */
function findBySerial(serial: string, { sys }: DeviceFolders): string {
  const folder = join(sys, 'bus/usb/devices');
  const read = (name: string): string => {
    try {
      return readFileSync(join(folder, name, 'serial'), 'utf8').trim();
    } catch {
      return '';
    }
  };
  const names = readDevices(folder).filter((name) => name.includes('.'));
  const fitting = names.filter((name) => read(name) === serial);
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) return only;
  if (only !== undefined)
    throw new RigError(
      `${fitting.length} USB devices have the serial number ${JSON.stringify(serial)}: ${fitting.map((name) => `USB ${name}`).join(', ')}`,
      {
        code: 'storage.several-muxes',
        blame: 'config',
        hint: 'Give each SDWire a serial number of its own (sd-mux-ctrl --set-serial), or unplug one.',
        evidence: { candidates: fitting },
      },
    );
  const others = names.map((name) => ({ name, serial: read(name) })).filter((each) => each.serial !== '');
  throw new RigError(
    `Cannot find an SDWire with the serial number ${JSON.stringify(serial)}: ${others.length === 0 ? 'no USB device behind a hub has a serial number' : `there is ${others.map((each) => `${each.serial} (USB ${each.name})`).join(', ')}`}`,
    {
      code: 'storage.no-such-mux',
      blame: 'rig',
      hint: 'Plug it in, and look with lsusb -v which serial number it has.',
    },
  );
}

function readDevices(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d+-[\d.]+$/.test(name))
      .sort();
  } catch {
    return [];
  }
}
