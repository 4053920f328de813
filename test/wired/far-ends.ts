import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import { programConsoleDriver } from '../../drivers/console/program.js';
import { rfc2217ConsoleDriver } from '../../drivers/console/rfc2217.js';
import { serialConsoleDriver } from '../../drivers/console/serial.js';
import { tcpConsoleDriver } from '../../drivers/console/tcp.js';
import type { Driver } from '../../rig/contracts/driver.js';
import { pollUntil } from '../../rig/lifetime/poll.js';
import { folder, patienceMs } from './support.js';

/** The far end of a console: hears what is typed, says what it is told to, and vanishes. */
export interface FarEnd {
  readonly driver: Driver;
  readonly options: Record<string, unknown>;
  heard(): Buffer;
  say(bytes: Uint8Array): void;
  vanish(): Promise<void>;
}

export async function socketFarEnd(t: Test, where: { path: string } | undefined): Promise<FarEnd> {
  const heard: Buffer[] = [];
  let peer: Socket | undefined;
  const server: Server = createServer((socket) => {
    peer = socket;
    socket.on('data', (chunk) => heard.push(chunk)).on('error', () => undefined);
  });
  server.listen(where ? where.path : { port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  t.teardown(() => {
    peer?.destroy();
    server.close();
  });
  const options = where
    ? { socket: where.path }
    : { address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
  return {
    driver: tcpConsoleDriver,
    options,
    heard: () => Buffer.concat(heard),
    say: (bytes) => {
      void pollUntil(() => peer !== undefined, { timeoutMs: patienceMs, what: 'a client' }).then(() =>
        peer?.write(bytes),
      );
    },
    vanish: async () => void peer?.destroy(),
  };
}

/** A pseudo-terminal whose master end a Python process holds: its end is the adapter being pulled out. */
export async function ptyFarEnd(t: Test): Promise<FarEnd & { readonly path: string }> {
  const program = `
import os, pty, sys, threading, tty
master, slave = pty.openpty()
tty.setraw(slave)
sys.stdout.write(os.ttyname(slave) + "\\n"); sys.stdout.flush()
def outward():
    while True:
        data = os.read(0, 65536)
        if not data: os._exit(0)
        while data: data = data[os.write(master, data):]
threading.Thread(target=outward, daemon=True).start()
while True:
    try: data = os.read(master, 65536)
    except OSError: continue
    os.write(2, data)
`;
  const python: ChildProcess = spawn('/usr/bin/python3', ['-c', program], { stdio: 'pipe' });
  t.teardown(() => void python.kill('SIGKILL'));
  const heard: Buffer[] = [];
  python.stderr?.on('data', (chunk: Buffer) => heard.push(chunk));
  const [first] = (await once(python.stdout ?? python, 'data')) as [Buffer];
  const path = first.toString().trim();
  return {
    driver: serialConsoleDriver,
    options: { path },
    path,
    heard: () => Buffer.concat(heard),
    say: (bytes) => void python.stdin?.write(bytes),
    vanish: async () => {
      python.kill('SIGKILL');
      await once(python, 'exit');
    },
  };
}

/** Debian's ser2net between a pseudo-terminal and the driver; its end is ser2net being killed. */
export async function ser2netFarEnd(t: Test): Promise<FarEnd & { readonly path: string }> {
  const pty = await ptyFarEnd(t);
  const port = await freePort();
  const config = join(folder(t), 'ser2net.yaml');
  writeFileSync(
    config,
    `%YAML 1.1
---
connection: &desk
  accepter: telnet(rfc2217),tcp,127.0.0.1,${port}
  connector: serialdev,${pty.path},9600n81,local
  options:
    # One that ends is noticed a moment later: the next must not wait for that.
    max-connections: 3
`,
  );
  const server = spawn('/usr/sbin/ser2net', ['-n', '-c', config, '-P', join(folder(t), 'pid')], {
    stdio: 'ignore',
  });
  t.teardown(() => void server.kill('SIGKILL'));
  return {
    ...pty,
    driver: rfc2217ConsoleDriver,
    options: { address: `127.0.0.1:${port}` },
    vanish: async () => {
      server.kill('SIGKILL');
      await once(server, 'exit');
    },
  };
}

/** socat carries the pseudo-terminal, as a console client of the lab would. */
export async function programFarEnd(t: Test): Promise<FarEnd> {
  const pty = await ptyFarEnd(t);
  return {
    ...pty,
    driver: programConsoleDriver,
    options: { command: ['/usr/bin/socat', '-', `${pty.path},raw,echo=0`] },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
