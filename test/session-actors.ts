/**
 * What test/session.test.ts starts as processes of their own: holders of a lock, owners of a session, the background
 * process. The board is a real child process (a small shell loop) instead of QEMU.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BoardConfig } from '../rig/contracts/board.js';
import type { Capabilities, ConsoleSink, MediumState } from '../rig/contracts/capabilities.js';
import type { Device, DriverContext } from '../rig/contracts/driver.js';
import { RigError, toErrorRecord } from '../rig/contracts/errors.js';
import { thisHolder } from '../rig/core/session/holder.js';
import { hostSession } from '../rig/core/session/host.js';
import { LocalSession } from '../rig/core/session/local.js';
import { acquireBoard } from '../rig/core/session/lock.js';
import { openSession } from '../rig/core/session/open.js';
import { pause } from '../rig/lifetime/abortable.js';
import { bareProfile } from './fakes/bare-profile.js';

/** Answers each line, and can flood. `setpriv` ends it with the process that started it (prctl(2), PR_SET_PDEATHSIG). */
const machine = `
echo booted
while read -r line; do
  case "$line" in
    flood) head -c 40000000 /dev/zero | tr '\\0' x; echo flooded;;
    die) exit 0;;
    escape) printf 'a\\033[31mred\\033]0;title\\007b\\r\\n';;
    *) echo "got $line";;
  esac
done`;

/** A board made for these tests; `quirks` say what goes wrong. */
export function fakeBoard(name: string, quirks: Readonly<Record<string, string>> = {}): BoardConfig {
  return {
    name,
    type: {
      name: 'fake',
      summary: 'A shell loop that plays a board',
      arch: 'arm64',
      capabilities: ['power', 'console', 'storage', 'link', 'address'],
      signatures: { prompt: { literal: '# ' } },
      profile: 'fake',
      flash: 'none',
      inventory: {},
      budgetsMs: { shell: 10_000 },
    },
    profile: bareProfile,
    labels: [],
    drivers: { board: { driver: 'fake', options: quirks } },
  };
}

export async function openFake(board: BoardConfig, context: DriverContext): Promise<readonly Device[]> {
  const quirks = board.drivers.board?.options ?? {};
  if (quirks.open === 'fails') {
    throw new RigError('Cannot open the fake device: no such adapter', {
      code: 'fake.missing',
      blame: 'config',
      hint: 'Plug it in.',
    });
  }
  let sink: ConsoleSink | undefined;
  let child: ChildProcess | undefined;
  let medium: MediumState = { kind: 'unknown' };
  let link: 'up' | 'down' = 'up';
  const note = (name: string, text: string): void => writeFileSync(join(context.stateDir, name), text);
  const off = async (): Promise<void> => {
    if (quirks.off === 'fails') throw new Error('the relay is stuck');
    const running = child;
    if (!running) return;
    if (quirks.off === 'slow') await pause(700);
    const gone = once(running, 'exit');
    running.kill('SIGKILL');
    await gone;
  };
  const capabilities: Capabilities = {
    power: {
      async on() {
        if (child) return;
        const started = spawn('setpriv', ['--pdeathsig', 'KILL', 'sh', '-c', machine], {
          stdio: ['pipe', 'pipe', 'ignore'],
        });
        child = started;
        started.on('exit', () => {
          child = undefined;
          context.emit({ kind: 'power', state: 'off', cause: 'board' });
        });
        started.stdin?.on('error', () => {});
        started.stdout?.on('data', (chunk: Buffer) => sink?.data(chunk));
        await once(started, 'spawn');
        note('pid', String(started.pid));
        if (medium.kind === 'image') medium = { ...medium, kind: 'dirty' };
        context.emit({ kind: 'power', state: 'on', cause: 'rig' });
      },
      off,
      state: async () => (child ? 'on' : 'off'),
    },
    reset: {
      async reset() {
        sink?.data(Buffer.from('reset\n'));
        context.emit({ kind: 'reset', cause: 'rig' });
      },
    },
    // Hangs until it is called off, and says so: for a client that vanishes.
    powerButton: {
      press: ({ signal } = {}) =>
        new Promise((_, reject) => {
          note('pressed', 'yes');
          signal?.addEventListener('abort', () => {
            note('press-aborted', String(signal.reason));
            reject(signal.reason);
          });
        }),
    },
    console: {
      async open(to) {
        sink = to;
        return {
          async write(bytes) {
            child?.stdin?.write(Buffer.from(bytes));
          },
          ...(quirks.break === 'none'
            ? {}
            : { sendBreak: async () => void child?.stdin?.write('a break\n') }),
          async [Symbol.asyncDispose]() {
            sink = undefined;
            note('line-closed', 'yes');
          },
        };
      },
    },
    storage: {
      state: () => medium,
      async provision(image) {
        medium = { kind: 'image', ...image };
      },
      read: async (offset, length) => Uint8Array.from({ length }, (_, index) => (offset + index) % 251),
      keep: async (path) => writeFileSync(path, 'medium'),
    },
    link: {
      async up() {
        link = 'up';
        context.emit({ kind: 'link', state: link });
      },
      async down() {
        link = 'down';
        context.emit({ kind: 'link', state: link });
      },
      state: async () => link,
    },
    ...(quirks.address === 'missing'
      ? {}
      : {
          address: {
            endpoint: async (port: number) => ({ host: '127.0.0.1', port: port + 1_000 }),
            hostAddress: async () => '10.0.2.2',
          },
        }),
  };
  return [
    {
      driver: { name: 'fake', version: '1' },
      capabilities,
      cpuSeconds: () => 1.5,
      async [Symbol.asyncDispose]() {
        child?.kill('SIGKILL');
        note('disposed', 'yes');
        if (quirks.dispose === 'fails') throw new Error('the adapter does not answer');
      },
    },
  ];
}

async function play(role: string | undefined, name: string, extra: string | undefined): Promise<void> {
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  const told = new Promise<void>((resolve) => process.stdin.once('end', resolve).resume());
  try {
    if (role === 'lock') {
      await using lock = await acquireBoard(name, thisHolder('actor lock'), { wait: extra === 'wait' });
      say(`won ${lock.recovered ? `recovered ${lock.recovered.pid}` : 'fresh'}`);
      await told;
    } else if (role === 'local') {
      await using _session = await LocalSession.open(fakeBoard(name), {
        holder: thisHolder('actor local'),
        openDevices: openFake,
      });
      say('opened');
    } else if (role === 'own') {
      const stop = new AbortController();
      process.on('SIGTERM', () => stop.abort());
      await using session = await openSession(fakeBoard(name), {
        purpose: 'rig run boot',
        openDevices: openFake,
        exclusive: extra === 'exclusive',
        wait: true,
      });
      await session.capabilities.power?.on();
      say('ready');
      await Promise.race([told, once(stop.signal, 'abort')]);
    }
    say('ended');
  } catch (error) {
    const { code, message } = toErrorRecord(error);
    say(`${code}: ${message}`);
  }
  process.exit();
}

const [, self, role, name = 'a', extra] = process.argv;
if (self?.endsWith('session-actors.js')) {
  // The background process is started with the board's name alone, and ordered over IPC.
  if (process.connected) await hostSession(openFake);
  else await play(role, name, extra);
}
