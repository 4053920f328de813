import type { Socket } from 'node:net';
import { z } from 'zod';
import type { Cancellable, ConsoleLine, ConsoleSink } from '../../rig/contracts/capabilities.js';
import type { Driver } from '../../rig/contracts/driver.js';
import { duration } from '../../rig/schema/unit-schemas.js';
import { driverOptions } from '../options.js';
import { address, closeSocket, connectionLost, connectUntil, targetOf } from './connect.js';
import { ConsoleDevice, OpenLine } from './open-line.js';
import { PortControl } from './port-control.js';
import { serialShape } from './serial-options.js';
import { encodeData, encodeOption, TelnetDecoder, telnetOptions, type Verb } from './telnet.js';

const options = driverOptions(
  z.strictObject({
    address: address.meta({
      description: 'host:port of a console server that speaks RFC 2217 (ser2net: telnet(rfc2217)).',
    }),
    connectTimeout: duration
      .default(10_000)
      .meta({ description: 'How long to go on trying to connect and to agree when the console is opened.' }),
    ...serialShape,
  }),
);

type Parsed = ReturnType<typeof options.parse>;

/** A serial port of another host, with its speed and modem lines: telnet with the com port option (RFC 2217). */
export const rfc2217ConsoleDriver: Driver = {
  name: 'console-rfc2217',
  roles: ['console'],
  validate: options.validate,
  optionsSchema: options.optionsSchema,
  claims: (config) => [`console ${options.parse(config).address.toLowerCase()}`],
  open: async (config) => {
    const parsed = options.parse(config);
    return new ConsoleDevice('console-rfc2217', (sink, { signal }) => openLine(parsed, { sink, signal }));
  },
};

async function openLine(
  parsed: Parsed,
  { sink, signal }: { sink: ConsoleSink } & Cancellable,
): Promise<ConsoleLine> {
  const timing = { name: parsed.address, timeoutMs: parsed.connectTimeout, signal };
  const socket = await connectUntil(targetOf(parsed.address), timing);
  const connection = new Connection(socket, { name: parsed.address, sink });
  try {
    await connection.control.agree(parsed, { timeoutMs: parsed.connectTimeout, signal });
  } catch (error) {
    await connection.line[Symbol.asyncDispose]();
    throw error;
  }
  return connection.line;
}

/** What we do ourselves, and what we let the server do. */
const ours: readonly number[] = [telnetOptions.binary, telnetOptions.suppressGoAhead, telnetOptions.comPort];
const theirs: readonly number[] = [telnetOptions.binary, telnetOptions.suppressGoAhead, telnetOptions.echo];

class Connection {
  readonly line: OpenLine;
  readonly control: PortControl;

  constructor(socket: Socket, { name, sink }: { name: string; sink: ConsoleSink }) {
    socket.setKeepAlive(true, 10_000).setNoDelay(true);
    this.control = new PortControl(name, (bytes) => void socket.write(bytes));
    this.line = new OpenLine(sink, {
      write: (bytes, done) => socket.write(encodeData(bytes), done),
      close: () => closeSocket(socket),
    });
    const lost = (cause?: Error): void => {
      const error = connectionLost(name, cause);
      this.control.lost(error);
      this.line.lose(error);
    };
    const asked = new Set<string>();
    const decoder = new TelnetDecoder({
      data: (bytes) => this.line.data(bytes),
      option: (verb, option) => {
        this.control.option(verb, option);
        const answer = answerTo(verb, option);
        // Each is said once: two ends that answer answers never stop (RFC 854).
        if (answer === undefined || asked.has(`${answer}${option}`)) return;
        asked.add(`${answer}${option}`);
        socket.write(encodeOption(answer, option));
      },
      subnegotiation: (option, bytes) => {
        if (option === telnetOptions.comPort) this.control.told(bytes);
      },
    });
    socket.on('data', (chunk) => decoder.push(chunk));
    socket.on('error', lost);
    socket.on('end', () => lost());
    socket.on('close', () => lost());
    for (const option of ours) {
      asked.add(`will${option}`);
      socket.write(encodeOption('will', option));
    }
    for (const option of theirs.slice(0, 2)) {
      asked.add(`do${option}`);
      socket.write(encodeOption('do', option));
    }
  }
}

function answerTo(verb: Verb, option: number): Verb | undefined {
  if (verb === 'do') return ours.includes(option) ? 'will' : 'wont';
  if (verb === 'will') return theirs.includes(option) ? 'do' : 'dont';
  return undefined;
}
