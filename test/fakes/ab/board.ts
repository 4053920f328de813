// Long because a board that can be rebooted, cut off and looked into from outside is one thing.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { generateKeyPair } from '../../../qemu/image/ssh-key.js';
import type { BoardConfig, DeviceProfile, Image } from '../../../rig/contracts/board.js';
import type { LinkState, MediumState, PowerState } from '../../../rig/contracts/capabilities.js';
import type { DeviceEvent } from '../../../rig/contracts/driver.js';
import type { BoardSession, ConsoleReader, SessionConsole } from '../../../rig/contracts/session.js';
import { bareProfile } from '../bare-profile.js';
import {
  blockBytes,
  firstBlocks,
  goodLeft,
  type Quirks,
  rootOf,
  slotBytes,
  tries,
  updateScript,
} from './product.js';

const hostKey = await generateKeyPair();
export const userKey = await generateKeyPair();
/** The board's own files: what a command names by these paths is below its home. */
const ownPaths =
  /(?<![\w/])\/(?:etc\/os-release|proc\/self\/mountinfo|proc\/sys\/kernel\/random|sys\/block|sys\/class\/block|dev\/(?:vd|["$])|mnt\/|tmp\/boardrig)/g;

/** The product's profile, as its maker would write it. */
export function abProfile(more: Partial<NonNullable<DeviceProfile['update']>> = {}): DeviceProfile {
  return {
    ...bareProfile,
    name: 'ab',
    mounts: { boot: '/mnt/boot', state: '/mnt/state', data: '/mnt/data' },
    watchdog: { device: '/dev/watchdog', seconds: 1 },
    engine: {
      command: 'engine',
      port: { dev: null, prod: null },
      unit: 'engine',
      runtime: 'engine',
      watchdogSeconds: 1,
      image: 'none',
      healthFile: '/none',
      nameServer: '127.0.0.1',
    },
    update: {
      driver: 'command',
      slots: { A: 'rootA', B: 'rootB' },
      tries,
      fetch: { folder: '/mnt/data', command: 'curl -sSf -m 60 -o {file} {url}' },
      install: 'ab-update install {bundle}',
      active: 'cat /mnt/../run/active',
      next: 'ab-update next',
      health: 'ab-update health {slot}',
      triesLeft: 'ab-update tries {slot}',
      kill: 'kill -9 $(cat /mnt/../run/pid)',
      signs: {
        chosen: '^boot slot=(?<slot>[AB]) left=(?<tries>\\d+) why=(?<why>[a-z]+)',
        version: '^system (?<version>\\S+)',
        good: '^health good',
        bad: '^health bad: (?<complaint>\\w+)',
      },
      ...more,
    } as NonNullable<DeviceProfile['update']>,
  };
}

export function abConfig(profile: DeviceProfile): BoardConfig {
  return {
    name: 'ab',
    type: {
      name: 'ab',
      summary: 'a board of shell scripts',
      arch: 'arm64',
      capabilities: ['power', 'console', 'address', 'link', 'shell', 'storage', 'mux'],
      signatures: { bootloader: { literal: 'boot slot=' }, kernel: { literal: 'Linux version' } },
      profile: 'ab',
      flash: 'direct',
      inventory: {},
      budgetsMs: { shell: 20_000 },
    },
    profile,
    labels: [],
    drivers: {},
  };
}

/** An image of the product, version 1.0.0 in slot A. */
export function makeImage(path: string): Image {
  const blocks = 6400;
  writeFileSync(path, Buffer.alloc(blocks * blockBytes));
  const table = Object.entries(firstBlocks).map(
    ([name, at]) => `start=${at}, size=${slotBytes / blockBytes}, name=root${name}`,
  );
  const { status, stderr } = spawnSync('/sbin/sfdisk', ['-q', path], {
    input: ['label: gpt', ...table, ''].join('\n'),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  const bytes = readFileSync(path);
  rootOf({ version: '1.0.0' }).copy(bytes, (firstBlocks.A ?? 0) * blockBytes);
  writeFileSync(path, bytes);
  return { path, sha256: 'a'.repeat(64), sizeBytes: bytes.length, version: '1.0.0', variant: 'dev' };
}

/** Some may have ended by themselves, and nobody has heard of it yet. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Milliseconds after the step before it, and what is done then. */
type Step = readonly [number, () => void];

type Env = { order: string; left: Record<string, number> };

/** The board: its bootloader and kernel are lines on a console, its commands a real shell's behind a real ssh server. */
export class AbSession implements BoardSession {
  readonly drivers = [{ name: 'ab', version: '1' }];
  readonly has: BoardSession['has'];
  readonly capabilities: BoardSession['capabilities'];
  readonly console: SessionConsole;
  readonly board: BoardConfig;
  readonly #home: string;
  readonly #quirks: Quirks;
  readonly #readers = new Set<ConsoleReader>();
  readonly #listeners = new Set<(event: DeviceEvent) => void>();
  readonly #commands = new Set<ChildProcess>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #timer: NodeJS.Timeout | undefined;
  #power: PowerState = 'off';
  #link: LinkState = 'up';
  #answers = false;
  #medium: MediumState = { kind: 'unknown' };

  private constructor(
    board: BoardConfig,
    { home, quirks, server }: { home: string; quirks: Quirks; server: Server },
  ) {
    this.board = board;
    this.#home = home;
    this.#quirks = quirks;
    this.#server = server;
    this.has = new Set(board.type.capabilities);
    const disk = join(home, 'disk');
    this.capabilities = {
      power: {
        on: async () => this.#switchOn(),
        off: async () => this.#switchOff('rig'),
        state: async () => this.#power,
      },
      link: {
        up: async () => this.#setLink('up'),
        down: async () => this.#setLink('down'),
        state: async () => this.#link,
      },
      address: {
        endpoint: async () => ({ host: '127.0.0.1', port: (server.address() as { port: number }).port }),
        hostAddress: async () => '127.0.0.1',
      },
      storage: {
        state: () => this.#medium,
        provision: async (image) => {
          copyFileSync(image.path, disk);
          rmSync(join(home, 'mnt'), { recursive: true, force: true });
          for (const name of ['boot', 'state', 'data'])
            mkdirSync(join(home, 'mnt', name), { recursive: true });
          this.#saveEnv({ order: 'A B', left: { A: goodLeft, B: 0 } });
          this.#medium = { kind: 'image', ...image };
        },
        read: async (offset, length) => readFileSync(disk).subarray(offset, offset + length),
        keep: async (path) => copyFileSync(disk, path),
      },
      mux: {
        side: async () => 'board',
        toRig: async () => ({ path: disk, sizeBytes: readFileSync(disk).length }),
        toBoard: async () => {},
      },
    };
    this.console = {
      write: async () => {},
      sendBreak: async () => {},
      subscribe: (reader) => {
        this.#readers.add(reader);
        return { [Symbol.dispose]: () => void this.#readers.delete(reader) };
      },
    };
  }

  /** @param home empty */
  static async open(
    board: BoardConfig,
    { home, quirks }: { home: string; quirks: Quirks },
  ): Promise<AbSession> {
    for (const folder of [
      'bin',
      'run',
      'dev',
      'etc',
      'tmp',
      'proc/self',
      'proc/sys/kernel/random',
      'sys/class/block',
    ])
      mkdirSync(join(home, folder), { recursive: true });
    const downgrades = board.profile.update?.downgrades;
    const filler = `${home}/mnt/data/.boardrig-filler`;
    const programs = {
      'ab-update': updateScript({ home, downgrades }, quirks),
      // A disk that can be full without filling this host's.
      df: '#!/bin/sh\necho head\necho disk 9000 1 8000 1% /mnt/data\n',
      fallocate: '#!/bin/sh\nfor last; do :; done; : >"$last"\n',
      curl: `#!/bin/sh\n${quirks.ignoresFullDisk ? '' : `[ -e ${filler} ] && { echo 'no room' >&2; exit 23; }`}\n/usr/bin/curl "$@"${quirks.ignoresCutNetwork ? '; exit 0' : ''}\n`,
    };
    for (const [name, text] of Object.entries(programs)) {
      writeFileSync(join(home, 'bin', name), text);
      chmodSync(join(home, 'bin', name), 0o755);
    }
    for (const [index, name] of ['A', 'B'].entries()) writePartition(home, { index, name });
    mkdirSync(join(home, 'sys/block/vd/queue'), { recursive: true });
    writeFileSync(join(home, 'sys/block/vd/size'), '6400\n');
    writeFileSync(join(home, 'sys/block/vd/queue/logical_block_size'), '512\n');
    writeFileSync(join(home, 'dev/vd'), '');
    const server = createServer();
    const session = new AbSession(board, { home, quirks, server });
    const ssh = session.#sshServer();
    server.on('connection', (socket) => {
      session.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => session.#sockets.delete(socket));
      if (!session.#answers) socket.destroy();
      else if (session.#link === 'up') ssh.injectSocket(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return session;
  }

  onEvent(listener: (event: DeviceEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async cpuSeconds(): Promise<undefined> {
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#switchOff('rig');
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #sshServer(): InstanceType<typeof ssh2.Server> {
    const publicKey = ssh2.utils.parseKey(userKey.public);
    if (publicKey instanceof Error) throw publicKey;
    return new ssh2.Server({ hostKeys: [hostKey.private] }, (client) => {
      client.on('error', () => {});
      client.on('authentication', (context) => {
        if (context.method === 'publickey' && context.key.data.equals(publicKey.getPublicSSH()))
          context.accept();
        else context.reject(['publickey']);
      });
      client.on('session', (accept) => {
        accept().on('exec', (take, _reject, { command }) => {
          const channel = take();
          if (command === 'reboot') this.#reset();
          else if (command === 'poweroff') this.#switchOff('board');
          else this.#run(command, channel);
        });
      });
    });
  }

  #run(command: string, channel: ssh2.ServerChannel): void {
    const child = spawn('sh', ['-c', command.replaceAll(ownPaths, `${this.#home}$&`)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, PATH: `${join(this.#home, 'bin')}:${process.env.PATH}` },
    });
    this.#commands.add(child);
    child.stdout.on('data', (chunk) => channel.write(chunk));
    child.stderr.on('data', (chunk) => channel.stderr.write(chunk));
    child.on('close', (code) => {
      this.#commands.delete(child);
      channel.exit(code ?? 137);
      channel.end();
    });
  }

  #setLink(state: LinkState): void {
    if (this.#link === state) return;
    this.#link = state;
    for (const socket of this.#sockets) {
      if (state === 'down') socket.pause();
      else socket.resume();
    }
    this.#tell({ kind: 'link', state });
  }

  #switchOn(): void {
    if (this.#power === 'on') return;
    this.#power = 'on';
    this.#tell({ kind: 'power', state: 'on', cause: 'rig' });
    this.#boot();
  }

  #switchOff(cause: 'rig' | 'board'): void {
    if (this.#power === 'off') return;
    this.#stop();
    this.#power = 'off';
    this.#tell({ kind: 'power', state: 'off', cause });
  }

  #reset(): void {
    this.#stop();
    this.#tell({ kind: 'reset', cause: 'board' });
    this.#boot();
  }

  /** Nothing of the system goes on. */
  #stop(): void {
    this.#answers = false;
    clearTimeout(this.#timer);
    for (const child of this.#commands) killGroup(child);
    this.#commands.clear();
    for (const socket of this.#sockets) socket.destroy();
  }

  #boot(): void {
    for (const name of ['A', 'B']) writeStat(this.#home, name);
    const { slot, left, why } = this.#choose();
    const { version, fault } = this.#systemIn(slot);
    const ends: Readonly<Record<string, string>> = {
      'no-init': '[    0.200000] Kernel panic - not syncing: No working init found.\r\n',
      panic: '[    0.200000] Kernel panic - not syncing: planted\r\n',
      hang: '',
      'reboot-loop': `system ${version}\r\n`,
    };
    const begin: Step[] = [
      [5, () => this.#say(`boot slot=${slot} left=${left} why=${why}\r\n`)],
      [5, () => this.#say('[    0.000000] Linux version 6.1\r\n')],
    ];
    const end = ends[fault];
    if (end !== undefined) this.#later([...begin, [5, () => this.#say(end)], [25, () => this.#reset()]]);
    else
      this.#later([
        ...begin,
        [10, () => this.#comeUp({ slot, version, reachable: fault !== 'network' })],
        [this.#quirks.slowHealth ? 3_000 : 30, () => this.#judge({ slot, fault })],
      ]);
  }

  #choose(): { slot: string; left: number; why: string } {
    const env = this.#env();
    const slots = env.order.split(' ');
    let slot = slots.find((name) => (env.left[name] ?? 0) > 0);
    let why = slot === slots[0] ? 'first' : 'next';
    if (slot === undefined || (this.#quirks.insists && why === 'next')) {
      slot = slots[0] ?? 'A';
      why = 'none';
      env.left[slot] = tries;
    }
    let left = env.left[slot] ?? 0;
    if (left <= tries && !this.#quirks.neverCounts) left -= 1;
    env.left[slot] = left;
    this.#saveEnv(env);
    return { slot, left, why };
  }

  #comeUp({ slot, version, reachable }: { slot: string; version: string; reachable: boolean }): void {
    const files = {
      'run/active': slot,
      'run/version': version,
      'etc/os-release': `ID=ab\nVERSION_ID=${version}`,
      'proc/sys/kernel/random/boot_id': randomUUID(),
      'proc/self/mountinfo': `1 0 254:${slot === 'A' ? 1 : 2} / / ro - ext4 /dev/vd${slot} ro`,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.#home, name), `${text}\n`);
    if (!this.#quirks.silent) this.#say(`system ${version}\r\n`);
    this.#answers = reachable;
  }

  #judge({ slot, fault }: { slot: string; fault: string }): void {
    if (fault === 'never-good') return;
    if ((fault === 'network' || fault === 'engine') && !this.#quirks.blindHealth) {
      this.#say(`health bad: ${fault}\r\n`);
      this.#later([[20, () => this.#reset()]]);
      return;
    }
    const env = this.#env();
    env.left[slot] = goodLeft;
    this.#saveEnv(env);
    if (!this.#quirks.silent) this.#say('health good\r\n');
  }

  #systemIn(slot: string): { version: string; fault: string } {
    const at = (firstBlocks[slot] ?? 0) * blockBytes;
    const [line = ''] = readFileSync(join(this.#home, 'disk'))
      .toString('utf8', at, at + 200)
      .split('\n');
    try {
      return JSON.parse(line) as { version: string; fault: string };
    } catch {
      return { version: '', fault: 'panic' };
    }
  }

  #env(): Env {
    const text = readFileSync(join(this.#home, 'env'), 'utf8');
    const value = (name: string): string => new RegExp(`^${name}="?([^"\n]*)`, 'm').exec(text)?.[1] ?? '';
    return { order: value('ORDER'), left: { A: Number(value('LEFT_A')), B: Number(value('LEFT_B')) } };
  }

  #saveEnv({ order, left }: Env): void {
    // A command of the board may be reading it.
    const env = join(this.#home, 'env');
    writeFileSync(`${env}.boot`, `ORDER="${order}"\nLEFT_A=${left.A}\nLEFT_B=${left.B}\n`);
    renameSync(`${env}.boot`, env);
  }

  #say(text: string): void {
    for (const reader of this.#readers) reader.data(Buffer.from(text));
  }

  #tell(event: DeviceEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  /** One after the other: timers of different lengths that are late do not keep their order. */
  #later([step, ...more]: readonly Step[]): void {
    if (!step) return;
    const [ms, act] = step;
    this.#timer = setTimeout(() => {
      act();
      if (more.length > 0) this.#later(more);
    }, ms);
  }
}

/** Nothing was written yet. */
function writeStat(home: string, name: string): void {
  writeFileSync(join(home, `sys/class/block/vd${name}/stat`), '0 0 0 0 0 0 0 0\n');
}

/** As sysfs shows a partition. */
function writePartition(home: string, { index, name }: { index: number; name: string }): void {
  const folder = join(home, `sys/block/vd/vd${name}`);
  mkdirSync(folder, { recursive: true });
  mkdirSync(join(home, `sys/class/block/vd${name}`), { recursive: true });
  const files = {
    partition: String(index + 1),
    dev: `254:${index + 1}`,
    start: String(firstBlocks[name]),
    size: String(slotBytes / blockBytes),
    uevent: `PARTNAME=root${name}`,
  };
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), `${text}\n`);
  writeFileSync(join(home, `dev/vd${name}`), Buffer.alloc(4096));
}
