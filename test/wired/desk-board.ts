import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import { openDevices } from '../../rig/cli/registry.js';
import { packageRoot } from '../../rig/config/package.js';
import type { BoardConfig } from '../../rig/contracts/board.js';
import type { DeviceMaker } from '../conformance/device.js';
import { board, context, folder, joined } from './support.js';

/** A switch made of a file: the commands write it, `state` reads it. */
export function fileSwitch(t: Test): { file: string; log: string; options: Record<string, unknown> } {
  const cwd = folder(t);
  const file = join(cwd, 'state');
  const set = (word: string) => ['/bin/sh', '-c', 'echo "$1" > "$0"; echo "$1" >> "$0.log"', file, word];
  writeFileSync(file, 'off');
  return {
    file,
    log: `${file}.log`,
    options: { on: set('on'), off: set('off'), state: ['/bin/cat', file], timeout: '10s' },
  };
}

/** What the board says when it has power; it answers `marco` with `polo`, and ticks while it is on. */
export const banner = 'U-Boot 2023.01 of a board that a socket plays\r\nstarted\r\n';

/** Real boards take a moment from power to the first byte. */
const bootMs = 250;

/** Every order that a file switch was given; the shell makes the file a moment before it writes to it. */
export function ordersIn(log: string): () => readonly string[] {
  return () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(0, -1) : []);
}

export interface PlayedBoard {
  readonly socket: string;
  /** Every order of its switch so far: `on`, `off`. */
  readonly orders: () => readonly string[];
  /** What else it does with what is typed while it runs. */
  readonly typed?: (text: string) => void;
  /** What it says with power, if not `banner`. */
  readonly says?: () => string;
}

/** Plays the board behind the switch on a unix socket: every order of the switch counts, in its order. */
export function playBoard(
  t: Test,
  { socket, orders: given, typed: hear, says = () => banner }: PlayedBoard,
): void {
  const clients = new Set<Socket>();
  const say = (text: string) => {
    for (const client of clients) client.write(text);
  };
  let orders = 0;
  let onSinceMs: number | undefined;
  let started = false;
  const server = createServer((client) => {
    clients.add(client.on('error', () => undefined).on('close', () => clients.delete(client)));
    client.on('data', (typed: Buffer) => {
      if (started && typed.includes('marco')) say('polo\r\n');
      if (started) hear?.(typed.toString('latin1'));
    });
  }).listen(socket);
  const life = setInterval(() => {
    const all = given();
    for (const order of all.slice(orders)) {
      started = false;
      onSinceMs = order === 'on' ? performance.now() : undefined;
    }
    orders = all.length;
    if (onSinceMs === undefined || performance.now() - onSinceMs < bootMs) return;
    say(started ? 'tick\r\n' : says());
    started = true;
  }, 25);
  t.teardown(() => {
    clearInterval(life);
    server.close();
    for (const client of clients) client.destroy();
  });
}

/** A lab with a board on a desk as far as the rig can tell. */
export function deskLab(t: Test, options: { readonly offWorks: boolean }): string {
  const cwd = folder(t);
  const { log, options: power } = fileSwitch(t);
  const socket = join(cwd, 'console.sock');
  playBoard(t, { socket, orders: ordersIn(log) });
  const { state: _, ...blind } = power;
  const switched = options.offWorks ? power : { ...blind, off: ['/bin/true'] };
  writeFileSync(join(cwd, 'desk.yaml'), 'arch: arm64\nsignatures: {}\nbudgets: { shell: 10s }\n');
  writeFileSync(
    join(cwd, 'lab.yaml'),
    `boards:
  desk:
    type: ./desk.yaml
    drivers:
      console: { driver: console-tcp, socket: ${socket} }
      power: ${JSON.stringify({ driver: 'power-command', ...switched })}
`,
  );
  return cwd;
}

/** The file that plays the relay of `deskLab`. */
export function switchFileOf(lab: string): string {
  const found = /"state":\["\/bin\/cat","([^"]+)"/.exec(readFileSync(join(lab, 'lab.yaml'), 'utf8'))?.[1];
  if (found === undefined) throw new Error('the lab file has no switch');
  return found;
}

/** Both drivers of a desk board as one device, as a session merges them. */
export function deskMaker(t: Test): DeviceMaker {
  return {
    started: 'started\r\n',
    question: { line: 'marco\n', answer: 'polo\r\n' },
    open: async (emit) => {
      const { log, options } = fileSwitch(t);
      const socket = join(folder(t), 'console.sock');
      playBoard(t, { socket, orders: ordersIn(log) });
      const wired: BoardConfig = {
        ...board,
        drivers: {
          console: { driver: 'console-tcp', options: { socket } },
          power: { driver: 'power-command', options },
        },
      };
      const devices = await openDevices(wired, { ...context(), emit }, {});
      return joined(devices);
    },
  };
}

/** The `rig` command, with sessions of its own in `cwd`. */
export async function rig(
  cwd: string,
  ...args: string[]
): Promise<{ exitCode: number; out: string; err: string }> {
  const main = join(packageRoot, 'dist', 'rig', 'cli', 'main.js');
  const env = { ...process.env, XDG_RUNTIME_DIR: cwd, XDG_STATE_HOME: cwd };
  const child = spawn(process.execPath, [main, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  const [exitCode] = (await once(child, 'close')) as [number];
  return { exitCode, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() };
}
