import { realpathSync } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { SerialPort } from 'serialport';
import { z } from 'zod';
import type { Cancellable, ConsoleLine, ConsoleSink } from '../../rig/contracts/capabilities.js';
import type { Driver, DriverContext } from '../../rig/contracts/driver.js';
import { RigError } from '../../rig/contracts/errors.js';
import { pause } from '../../rig/lifetime/abortable.js';
import { pollUntil } from '../../rig/lifetime/poll.js';
import { duration } from '../../rig/schema/unit-schemas.js';
import { driverOptions } from '../options.js';
import { ConsoleDevice, OpenLine } from './open-line.js';
import { refuseSharedName } from './same-name.js';
import { serialShape } from './serial-options.js';
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
    ...serialShape,
    replug: duration.default(0).meta({
      description:
        'How long an unplugged adapter may be away before the console counts as lost (default: lost at once).',
    }),
  }),
);

/** A console on a serial port of this host, exclusively ours while open. */
export const serialConsoleDriver: Driver = {
  name: 'console-serial',
  roles: ['console'],
  validate: options.validate,
  optionsSchema: options.optionsSchema,
  claims: (config) => [`serial port ${sameNameFor(options.parse(config).path)}`],
  open: async (config, { emit }) => {
    const parsed = options.parse(config);
    return new ConsoleDevice('console-serial', (sink) => SerialLine.open(parsed, { sink, emit }));
  },
};

type Parsed = ReturnType<typeof options.parse>;

/** A line over one port after another, where the options let its adapter be away for a while. */
class SerialLine {
  readonly #options: Parsed;
  readonly #emit: DriverContext['emit'];
  readonly #line: OpenLine;
  readonly #ended = new AbortController();
  #port: OpenPort;
  #away: Promise<void> | undefined;

  private constructor(parsed: Parsed, parts: { port: OpenPort } & LineParts) {
    this.#options = parsed;
    this.#emit = parts.emit;
    this.#port = parts.port;
    this.#line = new OpenLine(parts.sink, {
      write: (bytes, done) => {
        const { port } = this.#port;
        // serialport keeps what is written to a closed port until it is opened again, which this one never is.
        if (port.isOpen) port.write(Buffer.from(bytes), done);
        else done(new Error('its adapter is unplugged at the moment'));
      },
      sendBreak: (options) => sendBreak(this.#port.port, { ...parsed, ...options }),
      close: async () => {
        this.#ended.abort(new Error('The console was closed'));
        await this.#away;
        await this.#port[Symbol.asyncDispose]();
      },
    });
    this.#follow(parts.port);
  }

  static async open(parsed: Parsed, parts: LineParts): Promise<ConsoleLine> {
    return new SerialLine(parsed, { port: await openPort(parsed), ...parts }).#line;
  }

  #follow(open: OpenPort): void {
    const over = new AbortController();
    const lost = (cause: Error | null): void => {
      if (over.signal.aborted) return;
      over.abort(cause);
      const error = new RigError(
        `The serial port ${this.#options.path} was lost: ${cause?.message ?? 'it was closed'}`,
        {
          code: 'console.lost',
          blame: 'rig',
          hint: 'Look whether the adapter is plugged in and has power (dmesg tells), then start the session again.',
          cause,
        },
      );
      if (this.#options.replug > 0 && !this.#ended.signal.aborted) {
        this.#away = this.#waitForReplug(open, error);
        return;
      }
      this.#line.lose(error);
      this.#away = open[Symbol.asyncDispose]();
    };
    open.port.on('data', (chunk: Buffer) => this.#line.data(chunk));
    // A pulled adapter shows as `close`, as a read error (EIO) or as the end of the file, in any order and number.
    open.port.on('error', lost);
    open.port.on('close', lost);
    open.port.on('end', () => lost(null));
    // Of a line that the kernel hung up serialport reads nothing over and over (bindings-cpp, unix-read.ts): its node in /dev tells.
    const gone = pollUntil(async () => (await nodeAt(this.#options.path)) !== open.node, {
      everyMs: lookEveryMs,
      signal: AbortSignal.any([over.signal, this.#ended.signal]),
      what: `${this.#options.path} to go`,
    });
    gone.then(
      () => lost(new Error('its adapter is unplugged')),
      // Lost or closed meanwhile: nobody has to look any more.
      () => {},
    );
  }

  /** What the board said meanwhile is missing, and the gap is told. */
  async #waitForReplug(gone: OpenPort, loss: RigError): Promise<void> {
    const sinceMs = performance.now();
    try {
      await gone[Symbol.asyncDispose]();
      // The same name, so the same adapter: a by-id name holds its serial number, a by-path name its socket.
      this.#port = await pollUntil(() => openPort(this.#options).catch(() => undefined), {
        timeoutMs: this.#options.replug,
        everyMs: 100,
        signal: this.#ended.signal,
        what: `${this.#options.path} to come back`,
      });
    } catch {
      this.#line.lose(loss);
      return;
    }
    const ms = Math.round(performance.now() - sinceMs);
    this.#emit({ kind: 'note', name: 'console-replugged', data: { path: this.#options.path, awayMs: ms } });
    this.#follow(this.#port);
  }
}

interface LineParts {
  readonly sink: ConsoleSink;
  readonly emit: DriverContext['emit'];
}

interface OpenPort extends AsyncDisposable {
  readonly port: SerialPort;
  /** As `nodeAt` told it. */
  readonly node: string;
  [Symbol.asyncDispose](): Promise<void>;
}

const lookEveryMs = 250;

/** What the path leads to now; an adapter that was plugged in again has another node. Empty: nothing. */
async function nodeAt(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  return found ? `${found.rdev}:${found.ino}` : '';
}

async function openPort(parsed: Parsed): Promise<OpenPort> {
  const device = await realpath(parsed.path).catch(async (cause) => {
    throw new RigError(`Cannot find the serial port ${parsed.path}: ${await candidates()}`, {
      code: 'console.missing-device',
      blame: 'rig',
      hint: 'Plug the adapter in, or correct drivers.console.path of the board in the lab file.',
      cause,
    });
  });
  refuseSharedName(parsed.path);
  const lock = await lockDevice(device);
  const node = await nodeAt(parsed.path);
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
    await setModemLines(port, parsed);
  } catch (cause) {
    await closePort(port);
    await lock[Symbol.asyncDispose]();
    throw openError(parsed.path, cause as Error);
  }
  let closed: Promise<void> | undefined;
  return {
    port,
    node,
    [Symbol.asyncDispose]() {
      // Once: the lock may be somebody else's after it.
      closed ??= (async () => {
        await closePort(port);
        await lock[Symbol.asyncDispose]();
      })();
      return closed;
    },
  };
}

async function setModemLines(port: SerialPort, { dtr, rts }: Parsed): Promise<void> {
  if (dtr === undefined && rts === undefined) return;
  await setLines(port, { dtr, rts, brk: false });
}

/** As long as tcsendbreak(3) holds it: longer than a character at 50 baud. */
const breakMs = 300;

async function sendBreak(port: SerialPort, { dtr, rts, signal }: Lines & Cancellable): Promise<void> {
  await setLines(port, { dtr, rts, brk: true });
  try {
    await pause(breakMs, { signal });
  } finally {
    await setLines(port, { dtr, rts, brk: false });
  }
}

type Lines = Pick<Parsed, 'dtr' | 'rts'>;

/** What is not named, serialport would set: DTR and RTS are both on after open(2). */
async function setLines(
  port: SerialPort,
  { dtr = true, rts = true, brk }: Lines & { brk: boolean },
): Promise<void> {
  await new Promise<void>((resolve, reject) =>
    port.set({ dtr, rts, brk }, (error) => (error ? reject(error) : resolve())),
  );
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
