import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { z } from 'zod';
import { RigError } from '../../rig/contracts/errors.js';
import { pause } from '../../rig/lifetime/abortable.js';

const addressWanted = 'host:port, such as lab-server:4001 or [fe80::1]:4001';

/** host:port in the lab file. */
export const address = z
  .string({ error: addressWanted })
  .regex(/^(?:\[[0-9a-fA-F:.%\w]+\]|[^\s:[\]]+):\d{1,5}$/, { error: addressWanted, abort: true })
  .refine((text) => portOf(text) >= 1 && portOf(text) <= 65_535, { error: 'a port from 1 to 65535' });

function portOf(text: string): number {
  return Number(text.replace(/^.*:/, ''));
}

/** @param text an `address` */
export function targetOf(text: string): NetConnectOpts {
  const [, bracketed, plain, port] = /^(?:\[(.*)\]|(.*)):(\d+)$/.exec(text) ?? [];
  return { host: bracketed ?? plain ?? '', port: Number(port) };
}

/** A console server frees a port only some time after its last user left, so one refusal is no verdict. */
export async function connectUntil(
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

/** A loss of the connection as the session is told of it. */
export function connectionLost(name: string, cause?: Error): RigError {
  return new RigError(
    `The console at ${name} was lost: ${cause ? cause.message : 'the other end closed the connection'}`,
    {
      code: 'console.lost',
      blame: 'rig',
      hint: 'Look whether the console server runs, and whether somebody else took the port.',
      cause,
    },
  );
}

/** Resolves when nothing of the connection is left. */
export function closeSocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve()).destroy();
  });
}
