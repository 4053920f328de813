import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';
import { pause } from '../../rig/lifetime/abortable.js';
import { pollUntil } from '../../rig/lifetime/poll.js';
import { type ConsoleFault, type FaultyConsole, garbageBytes } from '../conformance/console-faults.js';
import type { FarEnd } from './far-ends.js';
import { patienceMs } from './support.js';

const lateMs = 300;

/** A console server of the lab behind a network that fails: what comes is passed on to `far`, or is not. */
export async function behindFaultyRelay(
  t: Test,
  { far, agrees }: { readonly far: FarEnd; readonly agrees: boolean },
): Promise<FaultyConsole> {
  const [host = '', port = ''] = String(far.options.address).split(':');
  const open = new Set<Socket>();
  let fault: ConsoleFault | undefined;
  const server = createServer((socket) => {
    open.add(socket.on('error', () => undefined).on('close', () => open.delete(socket)));
    if (fault === 'gone') socket.destroy();
    else if (fault === 'silent') socket.resume();
    else void serve(socket, fault);
  }).listen(0, '127.0.0.1');
  const serve = async (socket: Socket, now: ConsoleFault | undefined): Promise<void> => {
    if (now === 'late') await pause(lateMs);
    if (now === 'garbage' && agrees) socket.write(randomBytes(garbageBytes));
    const upstream = await pollUntil(() => reached(Number(port), host), {
      what: 'the server behind the relay',
      timeoutMs: patienceMs,
    });
    open.add(upstream.on('error', () => socket.destroy()).on('close', () => open.delete(upstream)));
    socket.pipe(upstream).pipe(socket);
    socket.once('close', () => upstream.destroy());
  };
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return {
    driver: far.driver,
    options: {
      ...far.options,
      address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      connectTimeout: '2s',
    },
    agrees,
    fault: (wanted) => {
      fault = wanted;
    },
    say: (bytes) => far.say(bytes),
    heard: () => far.heard(),
  };
}

/** Undefined for a server that is only starting. */
async function reached(port: number, host: string): Promise<Socket | undefined> {
  const socket = connect(port, host);
  try {
    await once(socket, 'connect');
    return socket;
  } catch {
    return undefined;
  }
}
