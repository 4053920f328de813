// test: light
// Long because a process for each file costs more than a long file of independent tests.
// Muxes: how they switch, whose drive appears, and what keeps a card from being torn out of a running board.
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { tcpConsoleDriver } from '../drivers/console/tcp.js';
import { CharacterDeviceLines } from '../drivers/lines/character-device.js';
import { gpioPowerDriver } from '../drivers/power/gpio.js';
import { gpioMuxDriver } from '../drivers/storage/gpio-mux.js';
import { sdwireDriver } from '../drivers/storage/sdwire.js';
import { UsbReader } from '../drivers/storage/usb-drive.js';
import { usbsdmuxDriver } from '../drivers/storage/usbsdmux.js';
import { checkMux } from '../rig/cli/commands/check/mux-check.js';
import type { Capabilities, Mux, PowerState } from '../rig/contracts/capabilities.js';
import type { Driver } from '../rig/contracts/driver.js';
import { interlocked } from '../rig/core/session/interlock.js';
import { runProgram } from '../rig/lifetime/run-program.js';
import { type MuxMaker, muxConformance } from './conformance/mux.js';
import { type FaultyMux, muxFaultConformance } from './conformance/mux-faults.js';
import { playBoard } from './wired/desk-board.js';
import { FakeGpio } from './wired/fake-gpio.js';
import { FakeReader } from './wired/fake-reader.js';
import { board, codeOf, context, folder, joined, open, until } from './wired/support.js';

t.setTimeout(300_000);

interface MuxUnderTest {
  readonly driver: Driver;
  readonly options: Record<string, unknown>;
  readonly reader: FakeReader;
}

/** A board with a card behind the mux, on a relay. */
function muxBoard(t: Test, make: () => MuxUnderTest): MuxMaker {
  return {
    started: 'started\r\n',
    question: { line: 'marco\n', answer: 'polo\r\n' },
    scribble: { lines: ['scribble\n', 'marco\n'], answer: 'polo\r\n' },
    open: async (emit) => {
      const { driver, options, reader } = make();
      const relay = new FakeGpio([{ path: '/dev/gpiochip9', label: 'relays', names: ['POWER'] }]);
      const orders: string[] = [];
      relay.onOutput((_, voltage) => orders.push(voltage === 1 ? 'on' : 'off'));
      const socket = join(folder(t), 'console.sock');
      playBoard(t, {
        socket,
        orders: () => orders,
        typed: (text) => {
          if (text.includes('scribble')) reader.scribble();
        },
      });
      const at = { ...context(), emit };
      t.same(driver.validate({ driver: driver.name, options }), []);
      return joined([
        await tcpConsoleDriver.open({ driver: 'console-tcp', options: { socket } }, at),
        await gpioPowerDriver(linesOf(relay)).open(
          { driver: 'power-gpio', options: { line: 'POWER', contact: '1ms' } },
          at,
        ),
        await driver.open({ driver: driver.name, options }, at),
      ]);
    },
  };
}

const linesOf = (kernel: FakeGpio) => async () =>
  new CharacterDeviceLines(kernel, { reason: 'the test says so' });

t.test('mux-gpio keeps what every mux keeps', (t) =>
  muxConformance(
    t,
    muxBoard(t, () => gpioMux(t)),
  ),
);

t.test('mux-sdwire keeps what every mux keeps', (t) =>
  muxConformance(
    t,
    muxBoard(t, () => sdwire(t)),
  ),
);

t.test('mux-usbsdmux keeps what every mux keeps', (t) =>
  muxConformance(
    t,
    muxBoard(t, () => usbsdmux(t)),
  ),
);

for (const [name, make] of [
  ['mux-gpio', gpioMux],
  ['mux-sdwire', sdwire],
] as const)
  t.test(`${name}, a card that stays where it is or moves late`, (t) =>
    muxFaultConformance(t, ['deaf', 'late'], (t) => faultyCard(make(t))),
  );

t.test('mux-usbsdmux, a card that stays where it is, a program that says garbage or never ends', (t) =>
  muxFaultConformance(t, ['deaf', 'late', 'garbage', 'silent'], (t) => {
    const made = usbsdmux(t);
    const program = readFileSync(made.program, 'utf8');
    const card = faultyCard(made);
    const words = { garbage: 'head -c 300 /dev/urandom', silent: 'exec sleep 1000' };
    return {
      ...card,
      get isAtRig() {
        return made.reader.isIn;
      },
      fault: (wanted) => {
        card.fault(wanted);
        const said = wanted === 'garbage' || wanted === 'silent' ? words[wanted] : undefined;
        writeFileSync(made.program, said === undefined ? program : `#!/bin/sh\n${said}\n`);
      },
    };
  }),
);

function faultyCard({ driver, options, reader }: MuxUnderTest): FaultyMux {
  return {
    open: () => open(driver, { ...options, appear: '1s' }),
    get isAtRig() {
      return reader.isIn;
    },
    fault: (wanted) => {
      reader.stuck = wanted === 'deaf';
      reader.lateMs = wanted === 'late' ? 300 : 0;
    },
  };
}

t.test('the drive is the one in the USB socket of the mux, and no other', async (t) => {
  const root = folder(t);
  const ours = new FakeReader(root, { usb: '1-1.4' });
  const other = new FakeReader(root, { usb: '1-1.40', name: 'sdb' });
  other.put();
  const reader = new UsbReader('1-1.4', ours.folders);
  t.equal(reader.find(), undefined, 'not the drive of 1-1.40, and none without a card');
  await t.rejects(reader.appears({ timeoutMs: 300 }), {
    code: 'lifetime.timeout',
    message: /a medium in the card reader at USB 1-1\.4, after the mux was switched to the rig/,
  });
  ours.put();
  t.same(reader.find(), { path: ours.drive, sizeBytes: 1024 * 1024 });
  const second = new FakeReader(root, { usb: '1-1.4', name: 'sdc' });
  second.put();
  t.throws(() => reader.find(), {
    code: 'storage.several-drives',
    message: `The USB device 1-1.4 has several drives with a medium: ${ours.drive}, ${second.drive}`,
  });
});

t.test('a mux that does not switch is noticed', async (t) => {
  const { driver, options, reader } = gpioMux(t, { works: false });
  const device = await open(driver, { ...options, appear: '300ms' });
  const { mux } = device.capabilities;
  t.equal(await codeOf(Promise.all([mux?.toRig()])), 'lifetime.timeout', 'no drive comes');
  reader.put();
  await mux?.toRig();
  await t.rejects(Promise.all([mux?.toBoard()]), {
    code: 'lifetime.timeout',
    message: /the medium to leave the card reader/,
  });
  const abort = new AbortController();
  const moving = mux?.toBoard({ signal: abort.signal });
  abort.abort(new Error('enough'));
  await t.rejects(Promise.all([moving]), { message: 'enough' });
  reader.take();
  await mux?.toBoard();
  t.equal(await mux?.side(), 'board', 'and it recovers');
  await device[Symbol.asyncDispose]();
  await device[Symbol.asyncDispose]();
});

t.test('rig check proves the mux by a nonce, and leaves the card as it was', async (t) => {
  const { driver, options, reader } = gpioMux(t);
  const device = await open(driver, options);
  const { mux } = device.capabilities;
  if (!mux) return void t.fail('no mux');
  const { signal } = new AbortController();
  await mux.toRig();
  const before = readFileSync(reader.drive);
  t.equal(await checkMux(mux, signal), 'to the board and back, with the same card');
  t.equal(await mux.side(), 'board', 'it ends at the board');
  await mux.toRig();
  t.ok(readFileSync(reader.drive).equals(before));
  // Another card comes back than the one that went.
  const swapping: Mux = { ...mux, toBoard: async () => reader.swap() };
  await t.rejects(checkMux(swapping, signal), { code: 'check.other-medium' });
  await device[Symbol.asyncDispose]();
});

t.test('two SDWires of one serial number are an error that lists both', async (t) => {
  const { driver, options, twin } = sdwire(t);
  twin('1-2.3.2');
  await t.rejects(open(driver, options), {
    code: 'storage.several-muxes',
    message: '2 USB devices have the serial number "sdw-7": USB 1-1.4.2, USB 1-2.3.2',
  });
  await t.rejects(open(driver, { serial: 'sdw-8' }), {
    code: 'storage.no-such-mux',
    message:
      'Cannot find an SDWire with the serial number "sdw-8": there is sdw-7 (USB 1-1.4.2), sdw-7 (USB 1-2.3.2)',
  });
});

t.test('usbsdmux: what is plugged in is told, and what the program says wrong', async (t) => {
  const { driver, options, program } = usbsdmux(t);
  await t.rejects(open(driver, { ...options, serial: '00048.9' }), {
    code: 'storage.no-such-mux',
    message: 'Cannot find the USB-SD-Mux 00048.9: there is 00048.00643 (../sg3)',
  });
  const device = await open(driver, options);
  writeFileSync(program, '#!/bin/sh\necho "usage: usbsdmux"; exit 0\n');
  t.equal(await codeOf(Promise.all([device.capabilities.mux?.side()])), 'storage.unreadable-side');
  writeFileSync(program, '#!/bin/sh\necho "FileNotFoundError: /dev/sg3" >&2; exit 1\n');
  await t.rejects(Promise.all([device.capabilities.mux?.toRig()]), {
    code: 'storage.usbsdmux-failed',
    message: /FileNotFoundError/,
  });
});

const realProgram = '/usr/bin/usbsdmux';

t.test(
  "Debian's usbsdmux knows our words",
  { skip: !existsSync(realProgram) && 'needs usbsdmux' },
  async (t) => {
    for (const word of ['get', 'host', 'dut']) {
      const refused = runProgram(realProgram, ['/dev/null', word], { allowedCodes: [0, 1] });
      const { stderr } = await refused;
      t.notMatch(stderr, /invalid choice/, `${word} is one of its words; what it refuses is the device`);
    }
    await t.rejects(runProgram(realProgram, ['/dev/null', 'rig']), { message: /invalid choice/ });
  },
);

t.test('the medium never moves under power, and power never comes while it moves', async (t) => {
  let state: PowerState = 'off';
  const log: string[] = [];
  let finish: () => void = () => {};
  const capabilities: Capabilities = {
    power: {
      on: async () => {
        state = 'on';
        log.push('on');
      },
      off: async () => {
        state = 'off';
        log.push('off');
      },
      state: async () => state,
    },
    mux: {
      side: async () => 'board',
      toRig: async () => {
        log.push('moving');
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        log.push('moved');
        return { path: '/dev/null', sizeBytes: 0 };
      },
      toBoard: async () => void log.push('to board'),
    },
  };
  const safe = interlocked(board, capabilities);
  const moving = safe.mux?.toRig();
  await until(() => log.length > 0, 'the move');
  const on = safe.power?.on();
  await safe.power?.off();
  t.same(log, ['moving', 'off'], 'power-on waits for the move, power-off never does');
  finish();
  await Promise.all([moving, on]);
  t.same(log, ['moving', 'off', 'moved', 'on']);
  for (const bad of ['on', 'unknown'] as const) {
    state = bad;
    t.equal(await codeOf(Promise.all([safe.mux?.toBoard()])), 'storage.board-on', bad);
  }
  t.notOk(log.includes('to board'));
  state = 'on';
  const brave = { ...board, type: { ...board.type, muxUnderPower: true } };
  await interlocked(brave, capabilities).mux?.toBoard();
  t.ok(log.includes('to board'), 'a board type that says so may');
});

function gpioMux(t: Test, { works = true } = {}): MuxUnderTest {
  const reader = new FakeReader(folder(t), { usb: '1-1.4' });
  const kernel = new FakeGpio([{ path: '/dev/gpiochip0', label: 'host', names: ['MUX'] }]);
  kernel.onOutput((_, voltage) => {
    if (works) voltage === 0 ? reader.put() : reader.take();
  });
  return {
    driver: gpioMuxDriver(linesOf(kernel), reader.folders),
    options: { line: 'MUX', rig: 'low', reader: '1-1.4', contact: '1ms' },
    reader,
  };
}

function sdwire(t: Test): MuxUnderTest & { twin(usb: string): void } {
  const reader = new FakeReader(folder(t), { usb: '1-1.4.1' });
  const kernel = new FakeGpio([
    { path: '/dev/gpiochip1', label: 'ftdi-cbus', names: ['', '', '', ''], usb: '1-1.4.2', serial: 'sdw-7' },
    { path: '/dev/gpiochip2', label: 'ftdi-cbus', names: ['', '', '', ''], usb: '1-1.3.2', serial: 'sdw-6' },
  ]);
  kernel.onOutput((_, voltage) => (voltage === 1 ? reader.put() : reader.take()));
  const devices = join(reader.folders.sys, 'bus/usb/devices');
  const twin = (usb: string): void => {
    mkdirSync(join(devices, usb), { recursive: true });
    writeFileSync(join(devices, usb, 'serial'), 'sdw-7\n');
  };
  twin('1-1.4.2');
  return {
    driver: sdwireDriver(linesOf(kernel), reader.folders),
    options: { serial: 'sdw-7' },
    reader,
    twin,
  };
}

/** usbsdmux as its help tells, with a mux made of a file. */
function usbsdmux(t: Test): MuxUnderTest & { program: string } {
  const root = folder(t);
  const reader = new FakeReader(root, { usb: '1-1.2' });
  const { dev, sys } = reader.folders;
  mkdirSync(join(dev, 'usb-sd-mux'));
  writeFileSync(join(dev, 'sg3'), '');
  symlinkSync('../sg3', join(dev, 'usb-sd-mux/id-00048.00643'));
  mkdirSync(join(sys, 'class/scsi_generic'), { recursive: true });
  const generic = join(reader.usbFolder, '1-1.2:1.0/host0/target0:0:0/0:0:0:0/scsi_generic/sg3');
  mkdirSync(generic, { recursive: true });
  symlinkSync(generic, join(sys, 'class/scsi_generic/sg3'));
  const state = join(root, 'mode');
  writeFileSync(state, 'off');
  const program = join(root, 'usbsdmux');
  writeFileSync(
    program,
    `#!/bin/sh
[ "$1" = ${join(dev, 'usb-sd-mux/id-00048.00643')} ] || exit 2
case "$2" in get) cat ${state};; host|dut|off) echo "$2" > ${state};; *) exit 2;; esac
`,
  );
  chmodSync(program, 0o755);
  let told = false;
  const follow = setInterval(() => {
    const wanted = readFileSync(state, 'utf8').trim() === 'host';
    if (wanted === told) return;
    told = wanted;
    if (wanted) reader.put();
    else reader.take();
  }, 20);
  t.teardown(() => clearInterval(follow));
  return {
    driver: usbsdmuxDriver(reader.folders),
    options: { serial: '00048.00643', program },
    reader,
    program,
  };
}
