// Runs in the lab host: what every driver keeps, judged on a board behind a relay, an FTDI adapter, a mux and an LED line.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { serialConsoleDriver } from '../../../drivers/console/serial.js';
import { openDevices } from '../../../rig/cli/registry.js';
import type { BoardConfig } from '../../../rig/contracts/board.js';
import { pollUntil } from '../../../rig/lifetime/poll.js';
import { consoleConformance } from '../../conformance/console.js';
import type { DeviceMaker } from '../../conformance/device.js';
import { gpioConformance } from '../../conformance/gpio.js';
import { muxConformance } from '../../conformance/mux.js';
import { powerConformance } from '../../conformance/power.js';
import { board, codeOf, context, joined, open as openDriver, openLine, Sink } from '../../wired/support.js';
import { reader, serialPath } from './places.js';

t.setTimeout(240_000);
const run = promisify(execFile);

const wired: BoardConfig = {
  ...board,
  drivers: {
    power: { driver: 'power-gpio', options: { line: { chip: 'wires', name: 'RELAY' }, contact: '1ms' } },
    console: { driver: 'console-serial', options: { path: serialPath } },
    mux: { driver: 'mux-gpio', options: { line: { chip: 'wires', name: 'MUX' }, rig: 'high', reader } },
    gpio: { driver: 'gpio-lines', options: { lines: { led: { line: { chip: 'wires', name: 'LED' } } } } },
  },
};

function maker(): DeviceMaker {
  return {
    started: 'started\r\n',
    question: { line: 'marco\n', answer: 'polo\r\n' },
    open: async (emit) => {
      const stateDir = mkdtempSync(join(tmpdir(), 'wired-'));
      const at = { ...context(undefined, stateDir), board: wired, emit };
      return joined(await openDevices(at.board, at, {}));
    },
  };
}

await t.test('the adapter has its name that stays', async (t) => {
  await pollUntil(() => existsSync(serialPath), { what: serialPath, timeoutMs: 60_000 });
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
