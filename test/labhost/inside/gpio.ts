// Runs in the lab host: the GPIO drivers on the kernel's own chips, judged by Debian's gpiod and by the simulator's sysfs.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { gpioLinesDriver } from '../../../drivers/gpio/lines.js';
import { chooseLines } from '../../../drivers/lines/choose.js';
import { gpioPowerDriver } from '../../../drivers/power/gpio.js';
import type { DeviceEvent } from '../../../rig/contracts/driver.js';
import { pollUntil } from '../../../rig/lifetime/poll.js';
import { codeOf, open, until } from '../../wired/support.js';

const run = promisify(execFile);
const configfs = '/sys/kernel/config/gpio-sim/bench';
const read = (path: string): string => readFileSync(path, 'utf8').trim();
const chip = read(join(configfs, 'bank0/chip_name'));
const platform = join('/sys/devices/platform', read(join(configfs, 'dev_name')), chip);
const offsets: Readonly<Record<string, number>> = { SWITCH: 0, ACTIVE_LOW: 1, LAMP: 2, TWIN: 3 };
const attribute = (line: string, name: string): string => join(platform, `sim_gpio${offsets[line]}`, name);
const voltage = (line: string): string => read(attribute(line, 'value'));
const pull = (line: string, level: 0 | 1): void =>
  writeFileSync(attribute(line, 'pull'), level === 1 ? 'pull-up' : 'pull-down');
const info = async (line: string): Promise<string> =>
  (await run('gpioinfo', [chip])).stdout.split('\n').find((row) => row.includes(`"${line}"`)) ?? '';

await t.test('the character device is chosen', async (t) => {
  t.equal((await chooseLines()).kind, 'character-device');
});

await t.test('a relay: the level, its name for others, and nobody else gets it', async (t) => {
  const device = await open(gpioPowerDriver(), { line: { chip: 'bench', name: 'SWITCH' }, contact: '1ms' });
  const { power } = device.capabilities;
  t.equal(voltage('SWITCH'), '0', 'off from the start');
  await power?.on();
  t.equal(voltage('SWITCH'), '1');
  t.match(
    await info('SWITCH'),
    /"rig desk power"\s+output\s+active-high \[used\]/,
    'gpioinfo tells who has it',
  );
  await t.rejects(run('gpioset', [chip, '0=0']), { message: /busy/i }, "Debian's gpioset is refused");
  t.equal(
    await codeOf(open(gpioPowerDriver(), { line: { chip: 'bench', name: 'SWITCH' } })),
    'gpio.line-busy',
  );
  await power?.off();
  t.equal(voltage('SWITCH'), '0');
  await power?.on();
  await device[Symbol.asyncDispose]();
  t.equal(voltage('SWITCH'), '0', 'closing leaves it off');
  t.match(await info('SWITCH'), /unused/);
});

await t.test('an active-low relay has the other voltage', async (t) => {
  const device = await open(gpioPowerDriver(), {
    line: { chip: 'bench', name: 'ACTIVE_LOW' },
    active: 'low',
    contact: '1ms',
  });
  t.equal(voltage('ACTIVE_LOW'), '1', 'off is high');
  await device.capabilities.power?.on();
  t.equal(voltage('ACTIVE_LOW'), '0');
  t.match(await info('ACTIVE_LOW'), /active-low/);
  await device[Symbol.asyncDispose]();
});

await t.test('a line that somebody else has is refused with the name', async (t) => {
  const holder = spawn('gpioset', ['--mode=signal', chip, '2=1'], { stdio: 'ignore' });
  await until(() => voltage('LAMP') === '1', 'gpioset to hold the line');
  const opened = open(gpioLinesDriver(), { lines: { led: { line: 'LAMP' } } });
  await t.rejects(opened, { code: 'gpio.line-busy', message: /"gpioset" has it/ });
  holder.kill('SIGTERM');
  await once(holder, 'exit');
});

await t.test('levels and pulls', async (t) => {
  for (const [bias, level] of [
    ['pull-up', 1],
    ['pull-down', 0],
  ] as const) {
    const device = await open(gpioLinesDriver(), { lines: { led: { line: 'LAMP', bias } } });
    t.equal(await device.capabilities.gpio?.read('led'), level, `${bias} by the kernel's request`);
    await device[Symbol.asyncDispose]();
  }
  const device = await open(gpioLinesDriver(), { lines: { led: { line: 'LAMP' } } });
  for (const level of [1, 0] as const) {
    pull('LAMP', level);
    t.equal(await device.capabilities.gpio?.read('led'), level);
  }
  await device[Symbol.asyncDispose]();
});

await t.test('edges: each once, in order, stamped by the kernel, the same that gpiomon sees', async (t) => {
  const changes = 20;
  pull('LAMP', 0);
  pull('TWIN', 0);
  const events: DeviceEvent[] = [];
  const device = await open(gpioLinesDriver(), { lines: { led: { line: 'LAMP' } } }, events);
  const edges = () => events.flatMap((event) => (event.kind === 'edge' ? [event] : []));
  await device.capabilities.gpio?.watch('led');
  const monitor = spawn('gpiomon', ['--format=%e %s %n', `--num-events=${changes}`, chip, '3']);
  let printed = '';
  monitor.stdout.on('data', (text: Buffer) => {
    printed += text.toString();
  });
  await pollUntil(async () => (await info('TWIN')).includes('"gpiomon"'), {
    what: 'gpiomon to have its line',
    timeoutMs: 30_000,
  });
  const before = process.hrtime.bigint();
  for (let index = 0; index < changes; index += 1)
    for (const line of ['LAMP', 'TWIN']) pull(line, index % 2 === 0 ? 1 : 0);
  const after = process.hrtime.bigint();
  await once(monitor, 'exit');
  await until(() => edges().length >= changes, 'the edges');
  t.same(
    edges().map(({ level }) => level),
    Array.from({ length: changes }, (_, index) => (index % 2 === 0 ? 1 : 0)),
  );
  const theirs = printed
    .trim()
    .split('\n')
    .map((row) => row.split(' '));
  t.same(
    theirs.map(([edge]) => Number(edge)),
    edges().map(({ level }) => level),
    'gpiomon counts the same',
  );
  const times = edges().map(({ atNs }) => atNs);
  t.same(
    times,
    [...times].sort((a, b) => a - b),
    'in the order of their times',
  );
  t.ok(
    times.every((at) => at >= Number(before) && at <= Number(after)),
    'between the first pull and the last',
  );
  t.ok(
    theirs.every(([, s, ns], index) => {
      const at = Number(s) * 1e9 + Number(ns);
      return at >= (times[index] ?? Infinity) && at <= (times[index + 1] ?? Infinity);
    }),
    "gpiomon's edge of the twin lies between ours: one clock",
  );
  await device[Symbol.asyncDispose]();
});

await t.test('edges that nobody read in time are counted', async (t) => {
  const changes = 3000;
  pull('LAMP', 0);
  const events: DeviceEvent[] = [];
  const device = await open(gpioLinesDriver(), { lines: { led: { line: 'LAMP' } } }, events);
  await device.capabilities.gpio?.watch('led');
  // Synchronous, so that our own event loop cannot read meanwhile; the kernel keeps 1024.
  for (let index = 0; index < changes; index += 1) pull('LAMP', index % 2 === 0 ? 1 : 0);
  const count = (): number =>
    events.reduce((sum, event) => {
      if (event.kind === 'edge') return sum + 1;
      const data = event.kind === 'note' && event.name === 'edges-missed' ? event.data : undefined;
      return sum + ((data as { count?: number } | undefined)?.count ?? 0);
    }, 0);
  const edges = (): number => events.filter(({ kind }) => kind === 'edge').length;
  await until(() => edges() >= 1024, 'what the kernel kept');
  // The gap shows with the next edge that comes through.
  pull('LAMP', 1);
  await until(() => count() >= changes + 1, `${changes + 1} edges, seen or missed`);
  t.equal(count(), changes + 1);
  t.ok(edges() < changes, 'and some were missed');
  await device[Symbol.asyncDispose]();
});

await t.test('a chip that goes while a line is held', async (t) => {
  const device = await open(gpioPowerDriver(), { line: { chip: 'bench', name: 'SWITCH' }, contact: '1ms' });
  await device.capabilities.power?.on();
  writeFileSync(join(configfs, 'live'), '0');
  t.equal(await codeOf(device.capabilities.power?.off() ?? Promise.resolve()), 'gpio.chip-lost');
  t.equal(
    await codeOf(device[Symbol.asyncDispose]() as Promise<void>),
    'gpio.chip-lost',
    'nobody can say that it is off',
  );
  writeFileSync(join(configfs, 'live'), '1');
});
