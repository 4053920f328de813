// test: light
// Long because a process for each file costs more than a long file of independent tests.
// Console drivers beyond those of drivers.test.ts: RFC 2217 against Debian's ser2net, programs, adapters that come back.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { programConsoleDriver } from '../drivers/console/program.js';
import { rfc2217ConsoleDriver } from '../drivers/console/rfc2217.js';
import { refuseSharedName } from '../drivers/console/same-name.js';
import { serialConsoleDriver } from '../drivers/console/serial.js';
import { encodeData, TelnetDecoder } from '../drivers/console/telnet.js';
import type { DeviceEvent } from '../rig/contracts/driver.js';
import { consoleFaultConformance, type FaultyConsole } from './conformance/console-faults.js';
import { programFarEnd, ptyFarEnd, ser2netFarEnd, socketFarEnd } from './wired/far-ends.js';
import { behindFaultyRelay } from './wired/faulty-relay.js';
import { lineConformance } from './wired/line.js';
import { codeOf, folder, open, openLine, Sink, until } from './wired/support.js';

t.setTimeout(300_000);

const noSer2net = !existsSync('/usr/sbin/ser2net') && 'needs ser2net';
const noSocat = !existsSync('/usr/bin/socat') && 'needs socat';

t.test('console-rfc2217 through ser2net', { skip: noSer2net }, (t) => lineConformance(t, ser2netFarEnd));

t.test('console-program through socat', { skip: noSocat }, (t) => lineConformance(t, programFarEnd));

t.test('console-tcp, a server that answers late, garbage or never', (t) =>
  consoleFaultConformance(t, async (t) =>
    behindFaultyRelay(t, { far: await socketFarEnd(t, undefined), agrees: false }),
  ),
);

t.test('console-rfc2217, a server that answers late, garbage or never', { skip: noSer2net }, (t) =>
  consoleFaultConformance(t, async (t) =>
    behindFaultyRelay(t, { far: await ser2netFarEnd(t), agrees: true }),
  ),
);

t.test('console-serial, a port that is not there, comes late, and says garbage', (t) =>
  consoleFaultConformance(t, faultyPort),
);

t.test('console-program, a program that fails, and one that says garbage', (t) =>
  consoleFaultConformance(t, faultyProgram),
);

t.test('console-rfc2217 sets the port of the other host, as stty sees it', { skip: noSer2net }, async (t) => {
  const far = await ser2netFarEnd(t);
  const stty = (): string => execFileSync('/usr/bin/stty', ['-F', far.path, '-a'], { encoding: 'utf8' });
  const device = await open(far.driver, {
    ...far.options,
    baud: 57_600,
    dataBits: 7,
    stopBits: 2,
    flowControl: 'xonxoff',
  });
  await openLine(device, new Sink());
  t.match(stty(), /speed 57600 baud/);
  // The kernel's pseudo-terminals refuse another size and parity (drivers/tty/pty.c, pty_set_termios).
  t.match(stty(), / cstopb /);
  t.match(stty(), / ixon /);
  await device[Symbol.asyncDispose]();
});

t.test('console-rfc2217 says what the server refuses', async (t) => {
  const answering = async (answer: (socket: Socket, bytes: Buffer) => void) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined).on('data', (bytes) => answer(socket, bytes));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => void server.close());
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const device = await open(rfc2217ConsoleDriver, { address, connectTimeout: '1s' });
    const failure = openLine(device, new Sink());
    await failure.catch(() => undefined);
    await device[Symbol.asyncDispose]();
    return failure.then(
      () => 'nothing was thrown',
      (error: Error & { code: string }) => `${error.code} ${error.message.replace(/:\d+/, ':PORT')}`,
    );
  };
  t.equal(
    await answering((socket) => socket.write(Buffer.of(255, 254, 44, 255, 253, 0))),
    'console.no-rfc2217 The console server 127.0.0.1:PORT refuses to have its port set',
  );
  t.match(
    await answering(() => undefined),
    'lifetime.timeout Timed out after 1000 ms waiting for the console server 127.0.0.1:PORT to agree on how the port is set',
  );
  t.match(
    await answering((socket) => socket.destroy()),
    'console.lost The console at 127.0.0.1:PORT was lost',
  );
  t.equal(
    await answering((socket, bytes) => {
      socket.write(Buffer.of(255, 253, 44, 255, 253, 0));
      // Another speed than the one that was asked for: 9600.
      if (bytes.includes(Buffer.of(255, 250, 44, 1)))
        socket.write(Buffer.of(255, 250, 44, 101, 0, 0, 0x25, 0x80, 255, 240));
    }),
    'console.setting-refused The console server 127.0.0.1:PORT was asked for baud 115200 and set 9600',
  );
});

t.test('telnet is taken apart however it is cut', (t) => {
  const stream = Buffer.concat([
    Buffer.from('U-Boot '),
    Buffer.of(255, 255, 255, 253, 44),
    Buffer.of(255, 250, 44, 107, 255, 255, 1, 255, 240),
    Buffer.of(255, 241),
    Buffer.from('2023'),
  ]);
  for (let size = 1; size <= stream.length; size += 1) {
    const told: string[] = [];
    const data: number[] = [];
    const decoder = new TelnetDecoder({
      data: (bytes) => data.push(...bytes),
      option: (verb, option) => told.push(`${verb} ${option}`),
      subnegotiation: (option, bytes) => told.push(`${option}: ${[...bytes].join(' ')}`),
    });
    for (let at = 0; at < stream.length; at += size) decoder.push(stream.subarray(at, at + size));
    t.same(Buffer.from(data), Buffer.concat([Buffer.from('U-Boot '), Buffer.of(255), Buffer.from('2023')]));
    t.same(told, ['do 44', '44: 107 255 1']);
  }
  t.same(encodeData(Buffer.of(1, 255, 2)), Buffer.of(1, 255, 255, 2));
  t.end();
});

t.test('console-program tells why its program ended, and leaves nothing of it', async (t) => {
  const device = await open(programConsoleDriver, {
    command: ['/bin/sh', '-c', 'echo last words; echo "no such console: desk" >&2; exit 3'],
  });
  const sink = new Sink();
  await openLine(device, sink);
  await until(() => sink.losses.length > 0, 'the loss');
  t.equal(sink.bytes.toString(), 'last words\n', 'all that it said came first');
  t.match(sink.losses[0], {
    code: 'console.lost',
    message: 'The console was lost: /bin/sh ended with exit code 3: no such console: desk',
  });
  await device[Symbol.asyncDispose]();
  const missing = await open(programConsoleDriver, { command: ['no-such-console'] });
  t.equal(await codeOf(openLine(missing, new Sink())), 'process.missing');
});

t.test('console-serial: an adapter that is unplugged and comes back', async (t) => {
  const first = await ptyFarEnd(t);
  // Under /dev: the options take device names only.
  const path = `/dev/shm/consoles-test-${process.pid}`;
  t.teardown(() => rmSync(path, { force: true }));
  symlinkSync(first.path, path);
  const events: DeviceEvent[] = [];
  const device = await open(serialConsoleDriver, { path, replug: '20s' }, events);
  const sink = new Sink();
  const line = await openLine(device, sink);
  first.say(Buffer.from('one '));
  await sink.seen(4);
  rmSync(path);
  await first.vanish();
  t.equal(
    await codeOf(line.write(Buffer.from('x'))),
    'console.write-failed',
    'what is typed meanwhile is not swallowed',
  );
  const second = await replugged(t, path);
  await until(() => events.length > 0, 'the note of the gap');
  t.match(events[0], { kind: 'note', name: 'console-replugged', data: { path } });
  second.say(Buffer.from('two'));
  await sink.seen(7);
  t.equal(sink.bytes.toString(), 'one two', 'the same line goes on');
  await line.write(Buffer.from('typed'));
  await until(() => second.heard().toString().endsWith('typed'), 'what was typed');
  t.same(sink.losses, []);
  rmSync(path);
  await second.vanish();
  await device[Symbol.asyncDispose]();
  t.same(sink.losses, [], 'closed while it is away: on purpose, no loss');

  const impatient = await ptyFarEnd(t);
  symlinkSync(impatient.path, path);
  const other = await open(serialConsoleDriver, { path, replug: '300ms' });
  const ear = new Sink();
  await openLine(other, ear);
  impatient.say(Buffer.from('last words'));
  await ear.seen(10);
  rmSync(path);
  await impatient.vanish();
  await until(() => ear.losses.length > 0, 'the loss');
  t.match(ear.losses[0], { code: 'console.lost' });
  await other[Symbol.asyncDispose]();
});

t.test(
  'console-serial: an adapter is lost when its name in /dev is gone, whatever the kernel says of its line',
  async (t) => {
    const far = await ptyFarEnd(t);
    const path = `/dev/shm/consoles-test-${process.pid}`;
    t.teardown(() => rmSync(path, { force: true }));
    symlinkSync(far.path, path);
    const device = await open(serialConsoleDriver, { path });
    const sink = new Sink();
    await openLine(device, sink);
    // The far end stays: of a line that was hung up serialport may read nothing for ever, which no pseudo-terminal shows.
    rmSync(path);
    await until(() => sink.losses.length > 0, 'the loss');
    t.match(sink.losses[0], { code: 'console.lost', message: /was lost: its adapter is unplugged/ });
    symlinkSync(far.path, path);
    const again = await openLine(await open(serialConsoleDriver, { path }), new Sink());
    await again[Symbol.asyncDispose]();
    await device[Symbol.asyncDispose]();
  },
);

async function replugged(t: Test, path: string) {
  const far = await ptyFarEnd(t);
  symlinkSync(far.path, path);
  return far;
}

let ports = 0;

/** Its adapter's name in /dev is made and taken away, as udev does it. */
async function faultyPort(t: Test): Promise<FaultyConsole> {
  const far = await ptyFarEnd(t);
  ports += 1;
  const path = `/dev/shm/consoles-test-${process.pid}-${ports}`;
  t.teardown(() => rmSync(path, { force: true }));
  return {
    ...far,
    options: { path },
    agrees: false,
    fault: (wanted) => {
      rmSync(path, { force: true });
      // A port of another name is not taken for it; the link shows when the adapter is there.
      if (wanted !== 'gone') symlinkSync(far.path, path);
    },
  };
}

/** The program that carries the console reads what is wrong with it from a file. */
async function faultyProgram(t: Test): Promise<FaultyConsole> {
  const far = await ptyFarEnd(t);
  const file = join(folder(t), 'fault');
  const program = `
case "$(cat ${file})" in
  gone) echo 'no such console' >&2; exit 3;;
  silent) trap '' TERM; exec sleep 1000;;
  late) sleep 0.3;;
esac
exec /usr/bin/socat - ${far.path},raw,echo=0`;
  return {
    ...far,
    driver: programConsoleDriver,
    options: { command: ['/bin/sh', '-c', program] },
    agrees: false,
    fault: (wanted) => writeFileSync(file, wanted ?? ''),
  };
}

t.test('console-serial: a name that two adapters have', (t) => {
  const root = folder(t);
  const folders = { sys: join(root, 'sys'), dev: join(root, 'dev') };
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${text}\n`);
  };
  const link = (path: string, to: string): void => {
    mkdirSync(dirname(path), { recursive: true });
    rmSync(path, { force: true });
    symlinkSync(to, path);
  };
  const adapter = (tty: string, at: { usb: string; serial?: string; interface?: string }): void => {
    const device = join(folders.sys, 'devices/usb1', at.usb);
    const channel = join(device, `${at.usb}:1.${at.interface ?? '0'}`);
    const names = { manufacturer: 'FTDI', product: 'UART', ...(at.serial ? { serial: at.serial } : {}) };
    for (const [name, text] of Object.entries(names)) put(join(device, name), text);
    put(join(channel, 'bInterfaceNumber'), `0${at.interface ?? '0'}`);
    put(join(channel, tty, 'port_number'), '0');
    link(join(folders.sys, 'class/tty', tty, 'device'), join(channel, tty));
    put(join(folders.dev, tty), '');
    const socket = `pci-usb-${at.usb}:1.${at.interface ?? '0'}-port0`;
    link(join(folders.dev, 'serial/by-path', socket), join(folders.dev, tty));
  };
  const byId = join(folders.dev, 'serial/by-id/usb-FTDI_UART-if00-port0');
  const check = (path: string) => () => refuseSharedName(path, folders);
  adapter('ttyUSB0', { usb: '1-1' });
  link(byId, join(folders.dev, 'ttyUSB0'));
  t.doesNotThrow(check(byId), 'one alone');
  adapter('ttyUSB1', { usb: '1-2', serial: 'A1' });
  adapter('ttyUSB2', { usb: '1-1', interface: '1' });
  t.doesNotThrow(check(byId), 'beside one with a serial number, and another port of its own');
  adapter('ttyUSB3', { usb: '1-4.2' });
  t.throws(check(byId), {
    code: 'console.several-devices',
    blame: 'config',
    message:
      /^2 adapters have the name .*no serial number: USB 1-1 \(.*-1-1:1\.0-port0\), USB 1-4\.2 \(.*-1-4\.2:1\.0-port0\)$/,
  });
  t.doesNotThrow(
    check(join(folders.dev, 'serial/by-path/pci-usb-1-1:1.0-port0')),
    'the name of a socket is one',
  );
  link(byId, join(folders.dev, 'ttyUSB1'));
  adapter('ttyUSB4', { usb: '1-5', serial: 'A1' });
  t.throws(check(byId), { message: /all have the serial number A1: USB 1-2 .*, USB 1-5 / });
  t.end();
});
