import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { z } from 'zod';
import type { Cancellable, ConsoleLine, ConsoleSink } from '../../rig/contracts/capabilities.js';
import type { Driver } from '../../rig/contracts/driver.js';
import { RigError } from '../../rig/contracts/errors.js';
import { pause } from '../../rig/lifetime/abortable.js';
import { duration } from '../../rig/schema/unit-schemas.js';
import { driverOptions } from '../options.js';
import { ConsoleDevice, OpenLine } from './open-line.js';

const addressWanted = 'host:port, such as lab-server:4001 or [fe80::1]:4001';

const address = z.string({ error: addressWanted }).regex(/^(?:\[[0-9a-fA-F:.%\w]+\]|[^\s:[\]]+):\d{1,5}$/, {
  error: addressWanted,
});

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
      const port = Number(value.address?.replace(/^.*:/, '') ?? 1);
      if (port < 1 || port > 65535)
        context.addIssue({ code: 'custom', path: ['address'], message: 'a port from 1 to 65535' });
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
  const socket = await connectUntil(targetOf(parsed), { name, timeoutMs: parsed.connectTimeout, signal });
  return openSocket(socket, { name, sink });
}

function openSocket(socket: Socket, { name, sink }: { name: string; sink: ConsoleSink }): ConsoleLine {
  // A console server that lost power says nothing: without probes a silent board and a dead line look the same.
  socket.setKeepAlive(true, 10_000).setNoDelay(true);
  const line = new OpenLine(sink, {
    write: (bytes, done) => socket.write(bytes, done),
    close: () =>
      new Promise((resolve) => {
        if (socket.closed) resolve();
        else socket.once('close', () => resolve()).destroy();
      }),
  });
  const lost = (cause?: Error) =>
    line.lose(
      new RigError(
        `The console at ${name} was lost: ${cause ? cause.message : 'the other end closed the connection'}`,
        {
          code: 'console.lost',
          blame: 'rig',
          hint: 'Look whether the console server runs, and whether somebody else took the port.',
          cause,
        },
      ),
    );
  socket.on('data', (chunk) => line.data(chunk));
  socket.on('error', lost);
  socket.on('end', () => lost());
  socket.on('close', () => lost());
  return line;
}

/** A console server frees a port only some time after its last user left, so one refusal is no verdict. */
async function connectUntil(
  target: NetConnectOpts,
  { name, timeoutMs, signal }: { name: string; timeoutMs: number; signal: AbortSignal | undefined },
): Promise<Socket> {
  const end = AbortSignal.timeout(timeoutMs);
  const stop = signal ? AbortSignal.any([signal, end]) : end;
  let last: unknown;
  for (;;) {
    try {
      return await connectOnce(target, stop);
    } catch (error) {
      signal?.throwIfAborted();
      if (error !== stop.reason) last = error;
      if (end.aborted) {
        throw new RigError(
          `Cannot connect to the console at ${name} within ${timeoutMs} ms: ${last instanceof Error ? last.message : 'no answer'}`,
          {
            code: 'console.unreachable',
            blame: 'rig',
            hint: 'Look whether the console server runs and the port is free, and at address or socket in the lab file.',
            cause: last,
          },
        );
      }
      // The next attempt notices an abort.
      await pause(200, { signal: stop }).catch(() => undefined);
    }
  }
}

function connectOnce(target: NetConnectOpts, stop: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    stop.throwIfAborted();
    const socket = connect(target);
    const settle = () => {
      stop.removeEventListener('abort', abort);
      socket.removeListener('error', failed);
    };
    const abort = () => {
      settle();
      socket.on('error', () => undefined).destroy();
      reject(stop.reason);
    };
    const failed = (error: Error) => {
      settle();
      reject(error);
    };
    stop.addEventListener('abort', abort, { once: true });
    socket.once('error', failed);
    socket.once('connect', () => {
      settle();
      // Nothing is read before the caller has its listeners.
      resolve(socket);
    });
  });
}

function targetOf(parsed: Parsed): NetConnectOpts {
  if (parsed.socket !== undefined) return { path: parsed.socket };
  const [, bracketed, plain, port] = /^(?:\[(.*)\]|(.*)):(\d+)$/.exec(parsed.address ?? '') ?? [];
  return { host: bracketed ?? plain ?? '', port: Number(port) };
}

function nameOf(parsed: Parsed): string {
  return parsed.socket ?? parsed.address?.toLowerCase() ?? '';
}
