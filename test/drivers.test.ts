// test: light
// Drivers against the real thing as far as this machine has it: sockets, pseudo-terminals, processes.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import t, { type Test } from 'tap';
import { serialConsoleDriver } from '../drivers/console/serial.js';
import { tcpConsoleDriver } from '../drivers/console/tcp.js';
import { lockDevice } from '../drivers/console/uucp-lock.js';
import { commandPowerDriver } from '../drivers/power/command.js';
import { openDevices } from '../rig/cli/registry.js';
import { packageRoot } from '../rig/config/package.js';
import type { BoardConfig } from '../rig/contracts/board.js';
import type { ConsoleLine } from '../rig/contracts/capabilities.js';
import type { Device, DeviceEvent, Driver, DriverContext } from '../rig/contracts/driver.js';
import { RigError } from '../rig/contracts/errors.js';
import { pollUntil } from '../rig/lifetime/poll.js';

const patienceMs = 20_000;

const board: BoardConfig = {
  name: 'desk',
  type: {
    name: 'desk',
    summary: '',
    arch: 'arm64',
    capabilities: [],
    signatures: {},
    profile: 'bare',
    flash: 'none',
    inventory: {},
    budgetsMs: { shell: 1_000 },
  },
  profile: {
    name: 'bare',
    ssh: { port: 22, user: 'root' },
    partitions: [],
    roots: [],
    mounts: { boot: '/boot', state: '/var', data: '/var' },
    osRelease: {},
    consoleLogin: { dev: true, prod: true },
    passwordlessRoot: { dev: true, prod: true },
    knownKernelWarnings: [],
  },
  labels: [],
  drivers: {},
};

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'drivers-test-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function context(events: DeviceEvent[] = []): DriverContext {
  return { board, workDir: tmpdir(), stateDir: tmpdir(), emit: (event) => void events.push(event) };
}

async function open(
  driver: Driver,
  options: Record<string, unknown>,
  events?: DeviceEvent[],
): Promise<Device> {
  const config = { driver: driver.name, options };
  const problems = driver.validate(config);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  return driver.open(config, context(events));
}

/** What a console said, and how often it was lost. */
class Sink {
  readonly chunks: Buffer[] = [];
  readonly losses: RigError[] = [];
  data(chunk: Uint8Array): void {
    this.chunks.push(Buffer.from(chunk));
  }
  lost(error: RigError): void {
    this.losses.push(error);
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
  seen(length: number): Promise<unknown> {
    return until(() => this.bytes.length >= length, `${length} bytes on the console`);
  }
}

function until(condition: () => boolean, what: string): Promise<unknown> {
  return pollUntil(condition, { timeoutMs: patienceMs, everyMs: 10, what });
}

async function openLine(device: Device, sink: Sink): Promise<ConsoleLine> {
  const port = device.capabilities.console;
  if (!port) throw new Error('no console');
  return port.open(sink);
}

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return 'nothing was thrown';
  } catch (error) {
    return error instanceof RigError ? error.code : String(error);
  }
}

/** The far end of a console: hears what is typed, says what it is told to, and vanishes. */
interface FarEnd {
  readonly driver: Driver;
  readonly options: Record<string, unknown>;
  heard(): Buffer;
  say(bytes: Uint8Array): void;
  vanish(): Promise<void>;
}

/** What any console driver must do, whatever carries its bytes. */
async function consoleConformance(t: Test, start: (t: Test) => Promise<FarEnd>): Promise<void> {
  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, index) => index));

  await t.test('carries every byte both ways', async (t) => {
    const far = await start(t);
    const device = await open(far.driver, far.options);
    const sink = new Sink();
    const line = await openLine(device, sink);
    far.say(everyByte);
    await sink.seen(256);
    t.same(sink.bytes, everyByte, 'in');
    await line.write(everyByte);
    await until(() => far.heard().length >= 256, 'what was typed');
    t.same(far.heard(), everyByte, 'out');
    await line[Symbol.asyncDispose]();
    await line[Symbol.asyncDispose]();
    await device[Symbol.asyncDispose]();
    t.same(sink.losses, [], 'closing on purpose is no loss');
    t.equal(await codeOf(line.write(everyByte)), 'console.closed');
  });

  await t.test('takes a flood without losing a byte', async (t) => {
    const far = await start(t);
    const device = await open(far.driver, far.options);
    const sink = new Sink();
    await openLine(device, sink);
    const flood = Buffer.alloc(1_000_000, 'U-Boot SPL 2023.01 ');
    far.say(flood);
    await sink.seen(flood.length);
    t.ok(sink.bytes.equals(flood));
    await device[Symbol.asyncDispose]();
  });

  await t.test('reports a loss once, and fails later writes with it', async (t) => {
    const far = await start(t);
    const device = await open(far.driver, far.options);
    const sink = new Sink();
    const line = await openLine(device, sink);
    far.say(Buffer.from('last words'));
    await sink.seen(10);
    await far.vanish();
    await until(() => sink.losses.length > 0, 'the loss');
    t.match(sink.losses[0], { code: 'console.lost', blame: 'rig' });
    t.equal(await codeOf(line.write(Buffer.from('x'))), 'console.lost');
    await device[Symbol.asyncDispose]();
    await device[Symbol.asyncDispose]();
    t.equal(sink.losses.length, 1);
  });

  await t.test('an aborted write rejects with the reason', async (t) => {
    const far = await start(t);
    const device = await open(far.driver, far.options);
    const line = await openLine(device, new Sink());
    await t.rejects(line.write(Buffer.from('x'), { signal: AbortSignal.abort(new Error('enough')) }), {
      message: 'enough',
    });
    await device[Symbol.asyncDispose]();
  });
}

async function socketFarEnd(t: Test, where: { path: string } | undefined): Promise<FarEnd> {
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
async function ptyFarEnd(t: Test): Promise<FarEnd & { readonly path: string }> {
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

t.test('console-tcp over TCP', (t) => consoleConformance(t, (t) => socketFarEnd(t, undefined)));

t.test('console-tcp over a unix socket', (t) =>
  consoleConformance(t, (t) => socketFarEnd(t, { path: join(folder(t), 'console.sock') })),
);

t.test('console-serial', (t) => consoleConformance(t, ptyFarEnd));

t.test('console-tcp tries again until its time is over', async (t) => {
  const path = join(folder(t), 'late.sock');
  const device = await open(tcpConsoleDriver, { socket: path, connectTimeout: '300ms' });
  t.equal(await codeOf(openLine(device, new Sink())), 'console.unreachable');
  const patient = await open(tcpConsoleDriver, { socket: path });
  const opening = openLine(patient, new Sink());
  const server = createServer(() => undefined).listen(path);
  t.teardown(() => void server.close());
  t.ok(await opening, 'a server that comes up meanwhile is found');
  await patient[Symbol.asyncDispose]();
  const abort = new AbortController();
  const stubborn = await open(tcpConsoleDriver, { socket: `${path}.never` });
  const endless = stubborn.capabilities.console?.open(new Sink(), { signal: abort.signal });
  abort.abort(new Error('enough'));
  await t.rejects(Promise.all([endless]), { message: 'enough' });
});

t.test('console-serial is ours alone, and says who has it', async (t) => {
  const far = await ptyFarEnd(t);
  const device = await open(serialConsoleDriver, { path: far.path });
  await openLine(device, new Sink());
  const lock = `/var/lock/LCK..${basename(far.path)}`;
  t.equal(
    readFileSync(lock, 'latin1'),
    `${String(process.pid).padStart(10)}\n`,
    'the lock that others honour',
  );
  // Another name of the same device is the same device.
  const alias = join('/dev/shm', `drivers-test-${process.pid}`);
  symlinkSync(far.path, alias);
  t.teardown(() => rmSync(alias, { force: true }));
  const second = await open(serialConsoleDriver, { path: alias });
  await t.rejects(openLine(second, new Sink()), {
    code: 'console.busy',
    message: `Cannot open ${realpathSync(far.path)}: process ${process.pid} (`,
  });
  t.same(
    serialConsoleDriver.claims?.({ driver: 'console-serial', options: { path: alias } }),
    serialConsoleDriver.claims?.({ driver: 'console-serial', options: { path: far.path } }),
    'and the lab file may not give it twice',
  );
  await device[Symbol.asyncDispose]();
  t.notOk(existsSync(lock), 'and nothing is left');
  await t.rejects(openLine(await open(serialConsoleDriver, { path: '/dev/serial/by-id/nope' }), new Sink()), {
    code: 'console.missing-device',
    message: 'Cannot find the serial port /dev/serial/by-id/nope',
  });
});

t.test('the lock of a process that is gone is taken over', async (t) => {
  const path = folder(t);
  const gone = spawn('/bin/true');
  await once(gone, 'exit');
  writeFileSync(join(path, 'LCK..ttyX'), `${String(gone.pid).padStart(10)}\n`);
  const lock = await lockDevice('/dev/ttyX', { folder: path });
  t.equal(Number(readFileSync(join(path, 'LCK..ttyX'), 'latin1')), process.pid);
  await lock[Symbol.asyncDispose]();
  writeFileSync(join(path, 'LCK..ttyX'), 'rubbish');
  await (await lockDevice('/dev/ttyX', { folder: path }))[Symbol.asyncDispose]();
});

/** A switch made of a file: the commands write it, `state` reads it. */
function fileSwitch(t: Test): { file: string; log: string; options: Record<string, unknown> } {
  const cwd = folder(t);
  const file = join(cwd, 'state');
  const log = join(cwd, 'log');
  const set = (word: string) => ['/bin/sh', '-c', 'echo "$1" > "$0"; echo "$1" >> "$0.log"', file, word];
  writeFileSync(file, 'off');
  return {
    file,
    log: `${log.slice(0, -3)}state.log`,
    options: { on: set('on'), off: set('off'), state: ['/bin/cat', file], timeout: '10s' },
  };
}

t.test('power-command', async (t) => {
  await t.test('switches, reads back, and does nothing twice', async (t) => {
    const { file, log, options } = fileSwitch(t);
    const events: DeviceEvent[] = [];
    const device = await open(commandPowerDriver, options, events);
    const { power } = device.capabilities;
    if (!power) throw new Error('no power');
    t.equal(await power.state(), 'off');
    await Promise.all([power.on(), power.on()]);
    t.equal(await power.state(), 'on');
    writeFileSync(file, 'off');
    t.equal(await power.state(), 'off', 'what somebody else did is seen');
    await power.on();
    await power.off();
    await power.off();
    t.equal(readFileSync(log, 'utf8'), 'on\non\noff\n');
    await power.on();
    await device[Symbol.asyncDispose]();
    await device[Symbol.asyncDispose]();
    t.equal(readFileSync(file, 'utf8'), 'off\n', 'the end leaves the board off');
    t.same(
      events.map((event) => event.kind === 'power' && event.state),
      ['on', 'on', 'off', 'on', 'off'],
    );
  });

  await t.test('without a state command the last command counts', async (t) => {
    const { log, options } = fileSwitch(t);
    const { state: _, ...rest } = options;
    const device = await open(commandPowerDriver, rest);
    const { power } = device.capabilities;
    t.equal(await power?.state(), 'unknown');
    await power?.on();
    t.equal(await power?.state(), 'on');
    await device[Symbol.asyncDispose]();
    t.equal(readFileSync(log, 'utf8'), 'on\noff\n');
  });

  await t.test('stays off for its settle time', async (t) => {
    const { options } = fileSwitch(t);
    const device = await open(commandPowerDriver, { ...options, settle: '400ms' });
    await device.capabilities.power?.on();
    await device.capabilities.power?.off();
    const offMs = performance.now();
    await device.capabilities.power?.on();
    t.ok(performance.now() - offMs >= 350, 'an order in time, not a speed');
    await device[Symbol.asyncDispose]();
  });

  await t.test('failures say which command, why, and what to try', async (t) => {
    const { options } = fileSwitch(t);
    const fails = async (changed: Record<string, unknown>, action: 'on' | 'state') => {
      const device = await open(commandPowerDriver, { ...options, ...changed });
      try {
        await device.capabilities.power?.[action]();
        return 'nothing was thrown';
      } catch (error) {
        if (!(error instanceof RigError) || error.blame !== 'rig' || error.hint === '') throw error;
        return `${error.code} ${error.message}`;
      }
    };
    const shell = (script: string) => ['/bin/sh', '-c', script];
    t.equal(
      await fails({ on: shell('echo "outlet 9 does not exist" >&2; exit 3') }, 'on'),
      'power.command-failed Cannot switch the power on with the command "on" of the lab file: /bin/sh ended with exit code 3: outlet 9 does not exist',
    );
    t.equal(
      await fails({ on: ['no-such-pdu'] }, 'on'),
      'power.command-failed Cannot switch the power on with the command "on" of the lab file: Cannot find the program "no-such-pdu"',
    );
    t.match(
      await fails({ on: ['/bin/sleep', '60'], timeout: '200ms' }, 'on'),
      'power.command-failed Cannot switch the power on with the command "on" of the lab file: Timed out after 200 ms',
    );
    t.equal(
      await fails({ state: shell('echo maybe') }, 'state'),
      'power.unreadable-state Cannot read the power state: the command "state" (/bin/sh) printed "maybe", expected on or off',
    );
    t.match(
      await fails({ on: ['/bin/true'], timeout: '500ms' }, 'on'),
      'lifetime.timeout Timed out after 500 ms waiting for the command "state" to print on',
    );
  });

  await t.test('an abort ends the command', async (t) => {
    const { options } = fileSwitch(t);
    const pid = join(folder(t), 'pid');
    const device = await open(commandPowerDriver, {
      ...options,
      on: ['/bin/sh', '-c', 'echo $$ > "$0"; exec sleep 60', pid],
    });
    const abort = new AbortController();
    const on = device.capabilities.power?.on({ signal: abort.signal });
    await until(() => existsSync(pid) && readFileSync(pid, 'utf8') !== '', 'the command');
    abort.abort(new Error('enough'));
    await t.rejects(on ?? Promise.resolve(), { message: 'enough' });
    await until(() => !existsSync(`/proc/${readFileSync(pid, 'utf8').trim()}`), 'the end of the command');
    await device[Symbol.asyncDispose]();
  });
});

t.test('options that are wrong are all told', async (t) => {
  const tell = (driver: Driver, options: Record<string, unknown>) =>
    driver
      .validate({ driver: driver.name, options })
      .map(({ path, message }) => `${path.join('.')} ${message}`);
  t.same(tell(tcpConsoleDriver, {}), [' found an empty mapping, expected either address or socket']);
  t.same(tell(tcpConsoleDriver, { address: 'a:70000' }), [
    'address found "a:70000", expected a port from 1 to 65535',
  ]);
  t.same(tell(tcpConsoleDriver, { address: '[fe80::1%eth0]:1' }), []);
  t.same(tell(commandPowerDriver, { on: [], off: 'pdu off' }), [
    'on found an empty list, expected a list of a program and its arguments, such as [uhubctl, -a, on] (no shell reads it)',
    'off found "pdu off", expected a list of a program and its arguments, such as [uhubctl, -a, on] (no shell reads it)',
  ]);
  t.same(tell(serialConsoleDriver, { path: '/dev/ttyS0', dataBits: 9 }), [
    'dataBits found the number 9, expected 5, 6, 7 or 8',
  ]);
});

t.test('a board that cannot be opened whole is closed again, in reverse order', async (t) => {
  const first = fileSwitch(t);
  const half: BoardConfig = {
    ...board,
    drivers: {
      power: { driver: 'power-command', options: first.options },
      console: { driver: 'no-such-driver', options: {} },
    },
  };
  writeFileSync(first.file, 'on');
  await t.rejects(openDevices(half, context(), {}), { code: 'config.unknown-driver', blame: 'config' });
  t.equal(readFileSync(first.file, 'utf8'), 'off\n', 'what was open is off');
  const stuck: BoardConfig = {
    ...half,
    drivers: {
      power: { driver: 'power-command', options: { ...first.options, off: ['/bin/false'] } },
      console: { driver: 'no-such-driver', options: {} },
    },
  };
  writeFileSync(first.file, 'on');
  const error = await openDevices(stuck, context(), {}).then(
    () => undefined,
    (error: unknown) => error,
  );
  t.ok(error instanceof AggregateError && error.errors.length === 2, 'both errors are kept');
});

/** A board on a desk as far as the rig can tell: it speaks on its console while its switch is on. */
async function deskBoard(t: Test, options: { readonly offWorks: boolean }): Promise<string> {
  const cwd = folder(t);
  const { file, options: power } = fileSwitch(t);
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client.on('error', () => undefined).on('close', () => clients.delete(client)));
  }).listen(join(cwd, 'console.sock'));
  const speaking = setInterval(() => {
    if (readFileSync(file, 'utf8').trim() === 'on') for (const client of clients) client.write('tick\r\n');
  }, 50);
  t.teardown(() => {
    clearInterval(speaking);
    server.close();
    for (const client of clients) client.destroy();
  });
  const { state: _, ...blind } = power;
  const switched = options.offWorks ? power : { ...blind, off: ['/bin/true'] };
  writeFileSync(join(cwd, 'desk.yaml'), 'arch: arm64\nsignatures: {}\nbudgets: { shell: 10s }\n');
  writeFileSync(
    join(cwd, 'lab.yaml'),
    `boards:
  desk:
    type: ./desk.yaml
    drivers:
      console: { driver: console-tcp, socket: ${join(cwd, 'console.sock')} }
      power: ${JSON.stringify({ driver: 'power-command', ...switched })}
`,
  );
  return cwd;
}

async function rig(cwd: string, ...args: string[]): Promise<{ exitCode: number; out: string; err: string }> {
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

t.test('rig check and rig boards on a board that commands and a socket make', async (t) => {
  const well = await deskBoard(t, { offWorks: true });
  const good = await rig(well, 'check', 'desk');
  t.equal(
    good.out.replace(/\d+\.\d+\.\d+/g, 'VERSION'),
    `good  configuration      desk, console by console-tcp, power by power-command
good  session            console-tcp VERSION, power-command VERSION: power, console
good  power on           on
good  console speaks     bytes after power-on
good  power off          off
good  console is silent  silent for 1500 ms after power-off
The rig of desk is well.
`,
  );
  t.match(good, { exitCode: 0, err: '' });

  const stuck = await rig(await deskBoard(t, { offWorks: false }), 'check', 'desk');
  t.equal(stuck.exitCode, 1);
  t.match(
    stuck.out,
    'bad   console is silent  Timed out after 8000 ms waiting for the console to be silent for 1500 ms after power-off\n                         The board still runs',
  );
  t.match(stuck.out, 'The rig of desk has 1 bad.');

  const listed = await rig(well, 'boards', '--json');
  t.match(
    (JSON.parse(listed.out) as { name: string }[]).find(({ name }) => name === 'desk'),
    {
      kind: 'physical',
      from: 'lab',
      state: 'free',
      drivers: { console: 'console-tcp', power: 'power-command' },
    },
  );
  const unknown = await rig(well, 'check', 'dsek');
  t.equal(unknown.exitCode, 2);
  t.match(unknown.err, 'There is no board or label "dsek" (did you mean "desk"?)');
  writeFileSync(join(well, 'lab.yaml'), 'boards:\n  desk:\n\ttype: x\n');
  t.match(await rig(well, 'boards'), {
    exitCode: 2,
    out: '',
    err: `rig: lab.yaml:3:1: Cannot parse YAML: a tab indents this line; use spaces
     The file must be YAML 1.2 in UTF-8, indented with spaces.
`,
  });
});
