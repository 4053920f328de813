// test: light
// Long because a process for each file costs more than a long file of independent tests.
// GPIO drivers on a chip that answers as the kernel does, one system call deep, and on this host's own system calls.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { bootModeLinesDriver } from '../drivers/boot-mode/lines.js';
import { tcpConsoleDriver } from '../drivers/console/tcp.js';
import { gpioLinesDriver } from '../drivers/gpio/lines.js';
import { CharacterDeviceLines } from '../drivers/lines/character-device.js';
import { chooseLines } from '../drivers/lines/choose.js';
import { hostKernel, usbPlaceOf } from '../drivers/lines/kernel.js';
import type { LineSource } from '../drivers/lines/line.js';
import { SysfsLines } from '../drivers/lines/sysfs.js';
import { encodeLineInfoRequest, encodeLineRequest, requests, sizes } from '../drivers/lines/uapi.js';
import { gpioPowerDriver } from '../drivers/power/gpio.js';
import type { GpioEdge } from '../rig/contracts/capabilities.js';
import type { DeviceEvent } from '../rig/contracts/driver.js';
import { patternOf } from '../rig/core/board/line-pattern.js';
import { readLeftBehind } from '../rig/lifetime/left-behind.js';
import { bootModeConformance } from './conformance/boot-mode.js';
import type { DeviceMaker } from './conformance/device.js';
import { gpioConformance } from './conformance/gpio.js';
import { powerConformance } from './conformance/power.js';
import { banner, playBoard } from './wired/desk-board.js';
import { type FakeChip, FakeGpio } from './wired/fake-gpio.js';
import { codeOf, context, folder, joined, open, until } from './wired/support.js';

const relays: FakeChip = { path: '/dev/gpiochip0', label: 'relays', names: ['RELAY1', 'RELAY2', '', 'LED'] };

const sourceOf = (kernel: FakeGpio) => async (): Promise<LineSource> =>
  new CharacterDeviceLines(kernel, { reason: 'the test says so' });

const straps = {
  jumpers: { recovery: { line: 'RELAY2' } },
  modes: { disk: [], recovery: ['recovery'] },
  normal: 'disk',
  contact: '1ms',
};

/** A board whose relay is active low and which drives an LED line when it is told to. */
function relayMaker(t: Test, kernel = new FakeGpio([relays])): DeviceMaker {
  return {
    started: 'started\r\n',
    question: { line: 'marco\n', answer: 'polo\r\n' },
    open: async (emit) => {
      const source = sourceOf(kernel);
      const orders: string[] = [];
      kernel.onOutput((name, voltage) => {
        if (name !== 'RELAY1') return;
        orders.push(voltage === 0 ? 'on' : 'off');
        if (voltage === 1) kernel.drive('LED', 0);
      });
      const socket = join(folder(t), 'console.sock');
      playBoard(t, {
        socket,
        orders: () => orders,
        // Its processor waits for a recovery tool where it finds the strap pulled.
        says: () => (kernel.voltage('RELAY2') === 1 ? 'waits in recovery\r\n' : banner),
        typed: (text) => {
          const wanted = /led (\d)/.exec(text)?.[1];
          if (wanted !== undefined) kernel.drive('LED', wanted === '1' ? 1 : 0);
        },
      });
      const at = { ...context(), emit };
      const config = (driver: string, options: Record<string, unknown>) => ({ driver, options });
      return joined([
        await tcpConsoleDriver.open(config('console-tcp', { socket }), at),
        await gpioPowerDriver(source).open(
          config('power-gpio', { line: 'RELAY1', active: 'low', contact: '1ms' }),
          at,
        ),
        await bootModeLinesDriver(source).open(config('boot-mode-lines', straps), at),
        await gpioLinesDriver(source).open(config('gpio-lines', { lines: { led: { line: 'LED' } } }), at),
      ]);
    },
  };
}

t.test('a board on a relay and an LED line keeps what every driver keeps', async (t) => {
  await t.test('power', (t) => powerConformance(t, relayMaker(t)));
  await t.test('boot mode', async (t) => {
    const kernel = new FakeGpio([relays]);
    await bootModeConformance(t, {
      ...relayMaker(t, kernel),
      normal: { mode: 'disk', started: 'started\r\n' },
      other: { mode: 'recovery', started: 'waits in recovery\r\n' },
    });
    t.equal(kernel.voltage('RELAY2'), 0, 'closing leaves the normal mode behind');
    t.equal(kernel.openFiles, 0);
  });
  await t.test('gpio', (t) =>
    gpioConformance(t, { ...relayMaker(t), line: { name: 'led', high: 'led 1\n', low: 'led 0\n' } }),
  );
});

const header = '/usr/include/linux/gpio.h';
const noCompiler =
  existsSync(header) && existsSync('/usr/bin/cc') ? false : `needs /usr/bin/cc and ${header}`;

t.test('the layout is that of the C header on this host', { skip: noCompiler }, async (t) => {
  // Independent of our numbers and of the fake's: the compiler reads the kernel's own header.
  const source = join(folder(t), 'layout.c');
  const numbers: Readonly<Record<string, number>> = {
    'sizeof(struct gpiochip_info)': sizes.chipInfo,
    'sizeof(struct gpio_v2_line_info)': sizes.lineInfo,
    'sizeof(struct gpio_v2_line_request)': sizes.lineRequest,
    'sizeof(struct gpio_v2_line_config)': sizes.lineConfig,
    'sizeof(struct gpio_v2_line_values)': sizes.lineValues,
    'sizeof(struct gpio_v2_line_event)': sizes.lineEvent,
    GPIO_GET_CHIPINFO_IOCTL: requests.chipInfo,
    GPIO_V2_GET_LINEINFO_IOCTL: requests.lineInfo,
    GPIO_V2_GET_LINE_IOCTL: requests.line,
    GPIO_V2_LINE_SET_CONFIG_IOCTL: requests.setConfig,
    GPIO_V2_LINE_GET_VALUES_IOCTL: requests.getValues,
    GPIO_V2_LINE_SET_VALUES_IOCTL: requests.setValues,
  };
  const program = `#include <stdio.h>
#include <stddef.h>
#include <string.h>
#include <linux/gpio.h>
int main(void) {
  unsigned long numbers[] = { ${Object.keys(numbers).join(', ')} };
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) printf("%lu ", numbers[i]);
  struct gpio_v2_line_request r;
  memset(&r, 0, sizeof r);
  r.offsets[0] = 3;
  strcpy(r.consumer, "rig desk power");
  r.config.flags = GPIO_V2_LINE_FLAG_OUTPUT | GPIO_V2_LINE_FLAG_ACTIVE_LOW;
  r.config.num_attrs = 1;
  r.config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES;
  r.config.attrs[0].attr.values = 1;
  r.config.attrs[0].mask = 1;
  r.num_lines = 1;
  r.event_buffer_size = 1024;
  puts("");
  fwrite(&r, sizeof r, 1, stdout);
}`;
  writeFileSync(source, program);
  execFileSync('/usr/bin/cc', ['-o', `${source}.out`, source]);
  const printed = execFileSync(`${source}.out`);
  const end = printed.indexOf('\n');
  t.same(printed.subarray(0, end).toString().trim().split(' ').map(Number), Object.values(numbers));
  t.same(
    printed.subarray(end + 1),
    encodeLineRequest({ offset: 3, consumer: 'rig desk power', flags: 8n | 2n, output: 1 }),
    'a request that C fills in has the same bytes',
  );
});

t.test('our ioctl is a system call: the kernel names what is wrong', async (t) => {
  const kernel = await hostKernel();
  const file = openSync('/dev/null', 'r');
  t.teardown(() => kernel.close(file));
  t.throws(() => kernel.ioctl(file, requests.lineInfo, encodeLineInfoRequest(0)), { code: 'ENOTTY' });
});

t.test('our watch wakes up when there is something to read, and no more after its end', async (t) => {
  const kernel = await hostKernel();
  const path = join(folder(t), 'fifo');
  execFileSync('mkfifo', [path]);
  const file = openSync(path, 'r+');
  const got: string[] = [];
  const watch = kernel.watch(file, {
    ready: () => {
      const bytes = Buffer.alloc(64);
      got.push(bytes.subarray(0, kernel.read(file, bytes)).toString());
    },
    failed: (error) => t.fail(error.message),
  });
  for (const text of ['one', 'two']) {
    const count = got.length;
    writeFileSync(file, text);
    await until(() => got.length > count, text);
  }
  t.same(got, ['one', 'two']);
  watch[Symbol.dispose]();
  kernel.close(file);
});

t.test('a line is found by its name, and never guessed', async (t) => {
  const twins = [
    { path: '/dev/gpiochip1', label: 'ftdi-cbus', names: ['', ''], usb: '1-1.3', serial: 'A' },
    { path: '/dev/gpiochip2', label: 'ftdi-cbus', names: ['', ''], usb: '1-1.4', serial: 'B' },
  ];
  const kernel = new FakeGpio([relays, ...twins]);
  const lines = await sourceOf(kernel)();
  const input = { consumer: 'rig', activeLow: false, bias: 'as-is' } as const;
  await t.rejects(lines.openInput({ chip: 'ftdi-cbus', offset: 0 }, input), {
    code: 'gpio.ambiguous-line',
    message:
      'the GPIO line 0 of ftdi-cbus is 2 lines on this host: line 0 of ftdi-cbus (/dev/gpiochip1, USB 1-1.3, serial number A); line 0 of ftdi-cbus (/dev/gpiochip2, USB 1-1.4, serial number B)',
  });
  for (const which of [{ usb: '1-1.4' }, { serial: 'B' }]) {
    const line = await lines.openInput({ chip: 'ftdi-cbus', offset: 0, ...which }, input);
    t.equal(line.label, 'line 0 of ftdi-cbus (/dev/gpiochip2, USB 1-1.4, serial number B)');
    await line[Symbol.asyncDispose]();
  }
  await t.rejects(lines.openInput({ name: 'RELAY9' }, input), {
    code: 'gpio.no-such-line',
    message:
      'Cannot find the GPIO line RELAY9: there is relays (/dev/gpiochip0) with 4 lines: RELAY1 RELAY2 LED; ftdi-cbus (/dev/gpiochip1, USB 1-1.3, serial number A) with 2 lines without names; ftdi-cbus (/dev/gpiochip2, USB 1-1.4, serial number B) with 2 lines without names',
  });
  kernel.take('LED', 'ACT');
  await t.rejects(lines.openInput({ name: 'LED' }, input), {
    code: 'gpio.line-busy',
    message: 'Cannot open LED of relays (/dev/gpiochip0): "ACT" has it',
  });
  const held = await lines.openOutput(
    { name: 'RELAY1' },
    { consumer: 'rig desk power', activeLow: false, initial: 1 },
  );
  t.equal(kernel.voltage('RELAY1'), 1, 'it begins at the level that was asked for');
  t.equal(kernel.consumer('RELAY1'), 'rig desk power', 'gpioinfo shows who has it');
  t.equal(
    await codeOf(lines.openOutput({ name: 'RELAY1' }, { consumer: 'other', activeLow: false, initial: 0 })),
    'gpio.line-busy',
    'two owners of one line',
  );
  await held[Symbol.asyncDispose]();
  await held[Symbol.asyncDispose]();
  t.equal(await codeOf(held.set(1)), 'gpio.closed');
  t.equal(kernel.openFiles, 0, 'no file is left open');
});

t.test('edges have the time of the kernel, and lost ones are counted', async (t) => {
  const kernel = new FakeGpio([relays]);
  const events: DeviceEvent[] = [];
  const device = await open(
    gpioLinesDriver(sourceOf(kernel)),
    { lines: { led: { line: { chip: 'relays', name: 'LED' }, active: 'low', bias: 'pull-up' } } },
    events,
  );
  t.match(events[0], {
    kind: 'note',
    name: 'gpio',
    data: 'led is LED of relays (/dev/gpiochip0): the test says so',
  });
  const { gpio } = device.capabilities;
  t.equal(await gpio?.read('led'), 1, 'active low: no voltage is 1');
  await gpio?.watch('led');
  // The kernel's buffer was full before anybody read.
  kernel.overflow('LED', 3);
  kernel.drive('LED', 1, 1_000n);
  kernel.overflow('LED', 5);
  kernel.drive('LED', 0, 2_000n);
  await until(() => events.length >= 5, 'the edges');
  t.same(events.slice(1), [
    { kind: 'note', name: 'edges-missed', data: { line: 'led', count: 3 } },
    { kind: 'edge', line: 'led', level: 0, atNs: 1_000 },
    { kind: 'note', name: 'edges-missed', data: { line: 'led', count: 5 } },
    { kind: 'edge', line: 'led', level: 1, atNs: 2_000 },
  ]);
  await device[Symbol.asyncDispose]();
  t.equal(kernel.openFiles, 0);
});

/** Edges of a line that is high and low in turn for these times, in milliseconds, from darkness. */
function edgesOf(...times: number[]): GpioEdge[] {
  let atNs = 1e9;
  return [...times, 0].map((ms, index) => {
    const edge = { level: index % 2 === 0 ? 1 : 0, atNs } as const;
    atNs += ms * 1e6;
    return edge;
  });
}

t.test('patterns of a line, by counts and ratios', async (t) => {
  const blinks = Array.from({ length: 11 }, (_, index) => (index % 3 === 0 ? 260 : 240));
  t.match(patternOf(edgesOf(...blinks)), { pulses: 6, even: true, held: false, groups: [] });
  t.equal(Math.round(patternOf(edgesOf(...blinks)).perSecond), 2);
  t.match(
    patternOf(edgesOf(...blinks.map((ms) => ms * 7))),
    { pulses: 6, even: true, held: false },
    'a host seven times as slow sees the same pattern',
  );
  t.match(patternOf(edgesOf(...blinks, 250, 900)), { pulses: 6, even: true, held: true }, 'held at the end');
  t.match(patternOf(edgesOf(100, 900, 100, 900, 100)), { even: false, pulses: 3 }, 'flashes');
  const three = [100, 100, 100, 100, 100, 1000];
  t.match(patternOf(edgesOf(...three, ...three, 100)), { groups: [3, 3], held: false }, 'threes');
  t.match(
    patternOf(edgesOf(100, 100, 400, 100, 100, 100, 100)),
    { groups: [], held: false },
    'one long blink',
  );
  const solid = edgesOf(5000).slice(0, 1);
  t.match(patternOf(solid), { pulses: 0, held: false }, 'nobody knows how long it has been on');
  t.match(patternOf(solid, { untilNs: 6e9 }), { pulses: 0, held: true }, 'on until now');
  t.match(patternOf([]), { pulses: 0, held: false, even: false, perSecond: 0, groups: [] }, 'dark');
});

t.test('boot modes that name no jumper, and no normal mode, are told', (t) => {
  const options = { jumpers: { strap: { line: 'RELAY2' } }, modes: { recovery: ['stap'] }, normal: 'disk' };
  const problems = bootModeLinesDriver().validate({ driver: 'boot-mode-lines', options });
  t.same(
    problems.map(({ path, message }) => `${path.join('.')}: ${message}`),
    [
      'modes.recovery.0: found "stap", expected one of the jumpers: strap',
      'normal: found "disk", expected one of the modes: recovery',
    ],
  );
  t.end();
});

t.test('the interface is chosen by what the kernel answers, and said', async (t) => {
  const kernel = new FakeGpio([relays]);
  const host = {
    kernel: async () => kernel,
    hasSysfs: () => true,
    sysfs: async () => () => t.fail() as never,
  };
  t.match(await chooseLines(host), {
    kind: 'character-device',
    reason: 'the kernel offers the character device, version 2',
  });
  kernel.old = true;
  t.match(await chooseLines(host), {
    kind: 'sysfs',
    reason: 'the kernel is older than 5.10: its character device has no version 2',
  });
  kernel.denied = true;
  t.equal(await codeOf(chooseLines(host)), 'gpio.denied', 'no way around a missing right');
  const none = { ...host, kernel: async () => new FakeGpio([]) };
  t.match(await chooseLines(none), { kind: 'sysfs', reason: 'the kernel has no GPIO character device' });
  t.equal(await codeOf(chooseLines({ ...none, hasSysfs: () => false })), 'gpio.none');
});

t.test('sysfs: lines are numbered from the base of their chip', async (t) => {
  const root = folder(t);
  for (const [name, label, base] of [
    ['gpiochip512', 'pinctrl-bcm2835', '512'],
    ['gpiochip600', 'other', '600'],
  ] as const) {
    mkdirSync(join(root, name));
    for (const [file, text] of [
      ['label', label],
      ['base', base],
      ['ngpio', '54'],
    ] as const)
      writeFileSync(join(root, name, file), `${text}\n`);
  }
  const made: unknown[][] = [];
  let level: 0 | 1 = 0;
  let wake: ((error: Error | null, value: 0 | 1) => void) | undefined;
  const lines = new SysfsLines(
    (...args) => {
      made.push(args);
      return {
        read: async () => level,
        write: async (value) => {
          level = value;
        },
        watch: (callback) => {
          wake = callback;
        },
        unwatchAll: () => {
          wake = undefined;
        },
        unexport: () => void made.push(['unexport']),
      };
    },
    { reason: '', folder: root },
  );
  const relay = await lines.openOutput(
    { chip: 'pinctrl-bcm2835', offset: 17 },
    { consumer: '', activeLow: true, initial: 0 },
  );
  await relay.set(1);
  t.equal(await relay.get(), 1);
  await relay[Symbol.asyncDispose]();
  t.same(made, [[529, 'high', 'none', { activeLow: true }], ['unexport']], 'off is the high voltage');
  const led = await lines.openInput(
    { chip: 'other', offset: 1 },
    { consumer: '', activeLow: false, bias: 'as-is' },
  );
  const edges: number[] = [];
  const listener = { edge: (edge: { level: number }) => edges.push(edge.level), missed() {}, lost() {} };
  level = 0;
  await led.watch(listener);
  for (const value of [1, 1, 0] as const) wake?.(null, value);
  await led.unwatch();
  t.same(edges, [1, 0]);
  t.equal(
    await codeOf(
      lines.openInput({ chip: 'other', offset: 2 }, { consumer: '', activeLow: false, bias: 'pull-up' }),
    ),
    'gpio.no-bias',
  );
});

t.test('the USB place of a chip is read from sysfs', async (t) => {
  const root = folder(t);
  const device = join(root, 'devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.4');
  mkdirSync(join(device, '1-1.4:1.0/ttyUSB0/gpiochip3'), { recursive: true });
  writeFileSync(join(device, 'serial'), 'A50285BI\n');
  symlinkSync(join(device, '1-1.4:1.0/ttyUSB0/gpiochip3'), join(root, 'gpiochip3'));
  t.same(usbPlaceOf(join(root, 'gpiochip3')), { usb: '1-1.4', serial: 'A50285BI' });
  rmSync(join(device, 'serial'));
  t.same(usbPlaceOf(join(root, 'gpiochip3')), { usb: '1-1.4' });
  t.same(usbPlaceOf(root), {});
});

t.test('a relay that a killed process left on is switched off by the next session', async (t) => {
  const stateDir = folder(t);
  const kernel = new FakeGpio([relays]);
  const driver = gpioPowerDriver(sourceOf(kernel));
  const device = await open(driver, { line: 'RELAY1', contact: '1ms' }, [], stateDir);
  await device.capabilities.power?.on();
  t.same(readLeftBehind(stateDir), [
    { what: 'power', device: 'the GPIO line RELAY1', state: { power: 'on' } },
  ]);
  // Killed here: nothing of it runs any more. Chips differ in what their lines do then; this one keeps them.
  const after = new FakeGpio([relays]);
  const events: DeviceEvent[] = [];
  const next = await open(
    gpioPowerDriver(sourceOf(after)),
    { line: 'RELAY1', contact: '1ms' },
    events,
    stateDir,
  );
  t.match(
    events.find((event) => event.kind === 'note' && event.name === 'left-on'),
    { data: 'the GPIO line RELAY1 was left on by a process that died; it is switched off' },
  );
  t.equal(after.voltage('RELAY1'), 0);
  t.match(readLeftBehind(stateDir), [{ state: { power: 'off' } }]);
  await next[Symbol.asyncDispose]();
});

t.test('the shortest time off holds over sessions', async (t) => {
  const stateDir = folder(t);
  const kernel = new FakeGpio([relays]);
  const times: { voltage: number; ms: number }[] = [];
  kernel.onOutput((_, voltage) => times.push({ voltage, ms: performance.now() }));
  for (let session = 0; session < 2; session += 1) {
    const device = await open(
      gpioPowerDriver(sourceOf(kernel)),
      { line: 'RELAY1', contact: '1ms', settle: '400ms' },
      [],
      stateDir,
    );
    await device.capabilities.power?.on();
    await device[Symbol.asyncDispose]();
  }
  const changes = times.filter(({ voltage }, index) => voltage !== (times[index - 1]?.voltage ?? 0));
  t.same(
    changes.map(({ voltage }) => voltage),
    [1, 0, 1, 0],
  );
  const [, off, on] = changes;
  t.ok((on?.ms ?? 0) - (off?.ms ?? 0) >= 395, 'an order in time, not a speed');
});
