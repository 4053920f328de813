// Runs in the lab host: what every driver keeps, judged on a board behind a relay, an FTDI adapter, a mux and an LED line.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { serialConsoleDriver } from '../../../drivers/console/serial.js';
import { portMac } from '../../../qemu/labhost/command-line.js';
import { openDevices } from '../../../rig/cli/registry.js';
import type { BoardConfig } from '../../../rig/contracts/board.js';
import { pollUntil } from '../../../rig/lifetime/poll.js';
import { consoleConformance } from '../../conformance/console.js';
import { type DeviceMaker, OpenDevice } from '../../conformance/device.js';
import { gpioConformance } from '../../conformance/gpio.js';
import { linkConformance } from '../../conformance/link.js';
import { muxConformance } from '../../conformance/mux.js';
import { powerConformance } from '../../conformance/power.js';
import { board, codeOf, context, joined, open as openDriver, openLine, Sink } from '../../wired/support.js';
import { reader, serialPath } from './places.js';

t.setTimeout(240_000);
const run = promisify(execFile);

const wired = (console: Record<string, unknown> = {}): BoardConfig => ({
  ...board,
  drivers: {
    power: { driver: 'power-gpio', options: { line: { chip: 'wires', name: 'RELAY' }, contact: '1ms' } },
    console: { driver: 'console-serial', options: { path: serialPath, ...console } },
    mux: { driver: 'mux-gpio', options: { line: { chip: 'wires', name: 'MUX' }, rig: 'high', reader } },
    network: { driver: 'network-port', options: { interface: portMac } },
    gpio: { driver: 'gpio-lines', options: { lines: { led: { line: { chip: 'wires', name: 'LED' } } } } },
  },
});

function maker(console?: Record<string, unknown>): DeviceMaker {
  return {
    started: 'started\r\n',
    question: { line: 'marco\n', answer: 'polo\r\n' },
    open: async (emit) => {
      const stateDir = mkdtempSync(join(tmpdir(), 'wired-'));
      const at = { ...context(undefined, stateDir), board: wired(console), emit };
      return joined(await openDevices(at.board, at, {}));
    },
  };
}

async function adapter(wanted: 'there' | 'gone'): Promise<void> {
  await pollUntil(() => existsSync(serialPath) === (wanted === 'there'), {
    what: `${serialPath} to be ${wanted}`,
    timeoutMs: 60_000,
  });
}

/** The test outside reads this and acts. */
function ask(what: 'unplug' | 'plug'): void {
  process.stdout.write(`# outside: ${what}\n`);
}

await t.test('the adapter has its name that stays', async (t) => {
  await adapter('there');
  t.match((await run('udevadm', ['info', '--query=property', serialPath])).stdout, /ID_VENDOR_ID=0403/);
});

await t.test('power', (t) => powerConformance(t, maker()));
await t.test('console', (t) => consoleConformance(t, maker()));
await t.test('mux', (t) =>
  muxConformance(t, { ...maker(), scribble: { lines: ['scribble\n'], answer: 'scribbled\r\n' } }),
);
await t.test('gpio', (t) =>
  gpioConformance(t, { ...maker(), line: { name: 'led', high: 'led 1\n', low: 'led 0\n' } }),
);

await t.test('link', (t) =>
  linkConformance(t, {
    ...maker(),
    carrier: { line: 'carrier\n', up: 'carrier up\r\n', down: 'carrier down\r\n' },
  }),
);

await t.test('the port is ours alone while open, and set as asked', async (t) => {
  const options = { path: serialPath, baud: 57600 };
  const device = await openDriver(serialConsoleDriver, options);
  const line = await openLine(device, new Sink());
  t.match(
    (await run('stty', ['-F', serialPath])).stdout,
    /speed 57600 baud/,
    "Debian's stty reads our settings",
  );
  const second = await openDriver(serialConsoleDriver, options);
  t.equal(await codeOf(openLine(second, new Sink())), 'console.busy');
  await line[Symbol.asyncDispose]();
  const third = await openLine(second, new Sink());
  await third[Symbol.asyncDispose]();
  t.pass('free again after closing');
});

await t.test('a board that somebody left on is off before its jumpers are driven', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'straps-'));
  const [state, seen] = [join(folder, 'state'), join(folder, 'seen')];
  writeFileSync(state, 'on');
  const shell = (command: string): string[] => ['/bin/sh', '-c', command];
  const boot = async (): Promise<string> => (await run('/bin/sh', ['-c', `gpioinfo | grep '"BOOT"'`])).stdout;
  const left: BoardConfig = {
    ...board,
    drivers: {
      bootMode: {
        driver: 'boot-mode-lines',
        options: {
          jumpers: { strap: { line: { chip: 'wires', name: 'BOOT' } } },
          modes: { normal: ['strap'], recovery: [] },
          normal: 'normal',
        },
      },
      power: {
        driver: 'power-command',
        options: {
          on: shell(`echo on > ${state}`),
          off: shell(`gpioinfo | grep '"BOOT"' > ${seen}; echo off > ${state}`),
          state: ['cat', state],
        },
      },
    },
  };
  const device = joined(await openDevices(left, { ...context(undefined, folder), board: left }, {}));
  t.match(readFileSync(seen, 'utf8'), /"BOOT"\s+unused/, 'nobody drove the strap when the board went off');
  t.match(await boot(), /"BOOT"\s+"rig desk strap"\s+output/, 'now it is driven');
  await device[Symbol.asyncDispose]();
});

await t.test('an unplugged adapter is a loss', async (t) => {
  const open = await OpenDevice.of(maker());
  ask('unplug');
  const lost = await open.event('lost');
  t.match(lost.error, { code: 'console.lost', blame: 'rig' });
  await open[Symbol.asyncDispose]();
  ask('plug');
});

await t.test('an adapter that comes back in time is the same console', async (t) => {
  await adapter('there');
  await using open = await OpenDevice.of(maker({ replug: '60s' }));
  await open.device.capabilities.power?.on();
  await open.until('started\r\n');
  ask('unplug');
  await adapter('gone');
  ask('plug');
  const replugged = (): boolean =>
    open.events.some((event) => event.kind === 'note' && event.name === 'console-replugged');
  await pollUntil(replugged, { what: 'the replugging to be told', timeoutMs: 60_000 });
  await open.type('marco\n');
  await open.until('polo\r\n');
  t.same(open.eventsOf('lost'), [], 'nothing was lost');
});
