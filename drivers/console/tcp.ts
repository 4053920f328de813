import type { NetConnectOpts, Socket } from 'node:net';
import { z } from 'zod';
import type { Cancellable, ConsoleLine, ConsoleSink } from '../../rig/contracts/capabilities.js';
import type { Driver } from '../../rig/contracts/driver.js';
import { duration } from '../../rig/schema/unit-schemas.js';
import { driverOptions } from '../options.js';
import { address, closeSocket, connectionLost, connectUntil, targetOf } from './connect.js';
import { ConsoleDevice, OpenLine } from './open-line.js';

const options = driverOptions(
  z
    .strictObject({
      address: address
        .optional()
        .meta({ description: 'host:port of a raw TCP console (ser2net, a console server).' }),
      socket: z
        .string()
        .min(1)
        .optional()
        .meta({ description: 'Path of a unix socket, instead of address.' }),
      connectTimeout: duration
        .default(10_000)
        .meta({ description: 'How long to go on trying to connect when the console is opened.' }),
    })
    .superRefine((value, context) => {
      if ((value.address === undefined) === (value.socket === undefined))
        context.addIssue({ code: 'custom', message: 'either address or socket' });
    }),
);

/**
 * A console behind a raw TCP port or a unix socket: no telnet, so set ser2net to `raw`. A connection that ends is
 * reported as lost and not tried again, because what the board said meanwhile would be missing without a sign of it.
 */
export const tcpConsoleDriver: Driver = {
  name: 'console-tcp',
  roles: ['console'],
  validate: options.validate,
  optionsSchema: options.optionsSchema,
  claims: (config) => [`console ${nameOf(options.parse(config))}`],
  open: async (config) => {
    const parsed = options.parse(config);
    return new ConsoleDevice('console-tcp', (sink, { signal }) => openLine(parsed, { sink, signal }));
  },
};

type Parsed = ReturnType<typeof options.parse>;

async function openLine(
  parsed: Parsed,
  { sink, signal }: { sink: ConsoleSink } & Cancellable,
): Promise<ConsoleLine> {
  const name = nameOf(parsed);
  const socket = await connectUntil(placeOf(parsed), { name, timeoutMs: parsed.connectTimeout, signal });
  return openSocket(socket, { name, sink });
}

function openSocket(socket: Socket, { name, sink }: { name: string; sink: ConsoleSink }): ConsoleLine {
  // A console server that lost power says nothing: without probes a silent board and a dead line look the same.
  socket.setKeepAlive(true, 10_000).setNoDelay(true);
  const line = new OpenLine(sink, {
    write: (bytes, done) => socket.write(bytes, done),
    close: () => closeSocket(socket),
  });
  const lost = (cause?: Error) => line.lose(connectionLost(name, cause));
  socket.on('data', (chunk) => line.data(chunk));
  socket.on('error', lost);
  socket.on('end', () => lost());
  socket.on('close', () => lost());
  return line;
}

function placeOf(parsed: Parsed): NetConnectOpts {
  return parsed.socket === undefined ? targetOf(parsed.address ?? '') : { path: parsed.socket };
}

function nameOf(parsed: Parsed): string {
  return parsed.socket ?? parsed.address?.toLowerCase() ?? '';
}
