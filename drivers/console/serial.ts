import { realpathSync } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { SerialPort } from 'serialport';
import { z } from 'zod';
import type { ConsoleLine, ConsoleSink } from '../../rig/contracts/capabilities.js';
import type { Driver } from '../../rig/contracts/driver.js';
import { RigError } from '../../rig/contracts/errors.js';
import { driverOptions } from '../options.js';
import { ConsoleDevice, OpenLine } from './open-line.js';
import { lockDevice } from './uucp-lock.js';

const options = driverOptions(
  z.strictObject({
    path: z
      .string()
      // The kernel numbers USB adapters in the order in which it meets them: after a reboot the name is another's.
      .regex(/^\/dev\/(?!ttyUSB|ttyACM)\S+$/, {
        error:
          'a name that stays, such as /dev/serial/by-id/… or /dev/serial/by-path/… (ttyUSB0 and ttyACM0 may be another adapter tomorrow)',
      })
      .meta({ description: 'Device, by a name that stays: /dev/serial/by-id/…' }),
    baud: z.int().min(50).max(4_000_000).default(115_200),
    dataBits: z
      .union([z.literal(5), z.literal(6), z.literal(7), z.literal(8)], { error: '5, 6, 7 or 8' })
      .default(8),
    parity: z.enum(['none', 'even', 'odd']).default('none'),
    stopBits: z.union([z.literal(1), z.literal(2)], { error: '1 or 2' }).default(1),
    flowControl: z.enum(['none', 'rtscts', 'xonxoff']).default('none'),
  }),
);

/** A console on a serial port of this host, exclusively ours while open. */
export const serialConsoleDriver: Driver = {
  name: 'console-serial',
  roles: ['console'],
  validate: options.validate,
  optionsSchema: options.optionsSchema,
  claims: (config) => [`serial port ${sameNameFor(options.parse(config).path)}`],
  open: async (config) => {
    const parsed = options.parse(config);
    return new ConsoleDevice('console-serial', (sink) => openSerial(parsed, sink));
  },
};

type Parsed = ReturnType<typeof options.parse>;

async function openSerial(parsed: Parsed, sink: ConsoleSink): Promise<ConsoleLine> {
  const device = await realpath(parsed.path).catch(async (cause) => {
    throw new RigError(`Cannot find the serial port ${parsed.path}: ${await candidates()}`, {
      code: 'console.missing-device',
      blame: 'rig',
      hint: 'Plug the adapter in, or correct drivers.console.path of the board in the lab file.',
      cause,
    });
  });
  const lock = await lockDevice(device);
  const port = new SerialPort({
    path: parsed.path,
    baudRate: parsed.baud,
    dataBits: parsed.dataBits,
    parity: parsed.parity,
    stopBits: parsed.stopBits,
    rtscts: parsed.flowControl === 'rtscts',
    xon: parsed.flowControl === 'xonxoff',
    xoff: parsed.flowControl === 'xonxoff',
    // Dropping DTR at close (termios HUPCL) resets boards that wire it to their reset line.
    hupcl: false,
    lock: true,
    autoOpen: false,
  });
  try {
    await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())));
  } catch (cause) {
    await lock[Symbol.asyncDispose]();
    throw openError(parsed.path, cause as Error);
  }
  const line = new OpenLine(sink, {
    write: (bytes, done) => port.write(Buffer.from(bytes), done),
    close: async () => {
      await closePort(port);
      await lock[Symbol.asyncDispose]();
    },
  });
  const lost = (cause: Error | null) =>
    line.lose(
      new RigError(`The serial port ${parsed.path} was lost: ${cause?.message ?? 'it was closed'}`, {
        code: 'console.lost',
        blame: 'rig',
        hint: 'Look whether the adapter is plugged in and has power (dmesg tells), then start the session again.',
        cause,
      }),
    );
  port.on('data', (chunk: Buffer) => line.data(chunk));
  // A pulled adapter shows as `close`, as a read error (EIO) or as the end of the file, in any order and number.
  port.on('error', lost);
  port.on('close', lost);
  port.on('end', () => lost(null));
  return line;
}

/** Closing a port that is closed, closing or gone is no error: nothing of it is left to us. */
function closePort(port: SerialPort): Promise<void> {
  return new Promise((resolve) => {
    if (!port.isOpen && !port.closing) resolve();
    else if (port.closing) port.once('close', () => resolve());
    else port.close(() => resolve());
  });
}

function openError(path: string, cause: Error): RigError {
  const busy = /lock|busy/i.test(cause.message);
  const denied = /permission|access/i.test(cause.message);
  return new RigError(`Cannot open the serial port ${path}: ${cause.message}`, {
    code: busy ? 'console.busy' : denied ? 'console.denied' : 'console.cannot-open',
    blame: 'rig',
    hint: busy
      ? 'Another program has the port: `fuser -v` with its path tells which.'
      : denied
        ? 'Join the group dialout (adduser USER dialout) and log in again.'
        : 'Look whether the path is a serial port, and whether it supports the speed.',
    cause,
  });
}

async function candidates(): Promise<string> {
  const names = await readdir('/dev/serial/by-id').catch(() => []);
  return names.length === 0
    ? 'this host has no USB serial port at the moment'
    : `this host has ${names.map((name) => `/dev/serial/by-id/${name}`).join(', ')}`;
}

/** Two links to one device are one device; a link whose adapter is unplugged is itself. */
function sameNameFor(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
