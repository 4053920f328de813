// Runs in the lab host: the drivers of SDWire and USB-SD-Mux on emulated ones, beside gpioset, usbsdmux and the kernel's block devices.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { openDevices } from '../../../rig/cli/registry.js';
import type { BoardConfig } from '../../../rig/contracts/board.js';
import { pollUntil } from '../../../rig/lifetime/poll.js';
import type { DeviceMaker } from '../../conformance/device.js';
import { muxConformance } from '../../conformance/mux.js';
import { board, context, joined } from '../../wired/support.js';
import { Asking } from './asking.js';
import { adapterPath, cardMark, muxSerial, sdwireSerial, usbAt, usbPorts } from './places.js';

t.setTimeout(300_000);
const run = promisify(execFile);
const [sdwireReader, sdwireChip] = usbPorts.sdwire;

function maker(mux: { driver: string; options: Record<string, unknown> }): DeviceMaker {
  const config: BoardConfig = {
    ...board,
    drivers: {
      power: { driver: 'power-gpio', options: { line: { chip: 'wires', name: 'RELAY' }, contact: '1ms' } },
      console: { driver: 'console-serial', options: { path: adapterPath } },
      mux,
    },
  };
  return {
    started: 'started\r\n',
    question: { line: 'marco\n', answer: 'polo\r\n' },
    open: async (emit) => {
      const at = { ...context(undefined, mkdtempSync(join(tmpdir(), 'usb-'))), board: config, emit };
      return joined(await openDevices(config, at, {}));
    },
  };
}

const conforms = (t: Test, mux: { driver: string; options: Record<string, unknown> }): Promise<void> =>
  muxConformance(t, { ...maker(mux), scribble: { lines: ['scribble\n'], answer: 'scribbled\r\n' } });

/** What the far end saw of the switches since it was asked last. */
async function switches(): Promise<string[]> {
  await using asking = await Asking.at(adapterPath);
  const log = await asking.ask('log');
  return log.split(', ').filter((entry) => entry.startsWith('sd'));
}

const noMedium = 'no medium';

/** What the drive at a socket holds first, or why it cannot be read; the kernel looks for a card whenever one is opened. */
async function firstOf(port: string): Promise<string> {
  const folder = '/dev/disk/by-path';
  const name = await pollUntil(
    () => existsSync(folder) && readdirSync(folder).find((each) => each.includes(`-usb-0:${port}:1.0-scsi-`)),
    { what: `a drive at USB ${usbAt(port)}`, timeoutMs: 60_000 },
  );
  try {
    await using file = await openFile(join(folder, String(name)), 'r');
    const { buffer } = await file.read(Buffer.alloc(cardMark.length), 0, cardMark.length, 0);
    return buffer.toString('latin1');
  } catch (error) {
    // Node knows no name for ENOMEDIUM.
    return (error as NodeJS.ErrnoException).errno === -123 ? noMedium : String(error);
  }
}

await t.test("Debian's usbsdmux switches the USB-SD-Mux and reads its side back", async (t) => {
  const path = `/dev/usb-sd-mux/id-${muxSerial}`;
  await pollUntil(() => existsSync(path), { what: `${path} to be there`, timeoutMs: 60_000 });
  const usbsdmux = async (word: string): Promise<string> =>
    (await run('usbsdmux', [path, word])).stdout.trim();
  await switches();
  t.equal(await usbsdmux('get'), 'off', 'plugged in, the card is at neither');
  t.equal(await firstOf(usbPorts.mux), noMedium);
  for (const [word, side, first] of [
    ['host', 'host', cardMark],
    ['dut', 'board', noMedium],
    ['off', 'neither', noMedium],
  ] as const) {
    await usbsdmux(word);
    t.equal(await usbsdmux('get'), word);
    t.equal(await firstOf(usbPorts.mux), first, `what the host finds in the reader, switched to ${word}`);
    t.equal((await switches()).at(-1), `sdmux ${side}`, 'and what the far end saw');
  }
  await t.rejects(run('usbsdmux', ['/dev/usb-sd-mux/id-0', 'get']), { code: 1 });
});

/** The GPIO chip of the FTDI adapter at a socket; gpiod knows them by numbers only. */
function chipAt(port: string): string | undefined {
  const usb = usbAt(port);
  return readdirSync(`/sys/bus/usb/devices/${usb}/${usb}:1.0`).find((name) => name.startsWith('gpiochip'));
}

await t.test('gpioset switches the SDWire', async (t) => {
  // As docs/lab-file.md says: the chip of an SDWire calls itself Samsung's.
  writeFileSync('/sys/bus/usb-serial/drivers/ftdi_sio/new_id', '04e8 6001');
  const chip = await pollUntil(() => chipAt(sdwireChip), {
    what: 'the GPIO chip of the SDWire',
    timeoutMs: 60_000,
  });
  t.match((await run('gpiodetect')).stdout, new RegExp(`${chip} \\[ftdi-cbus\\] \\(4 lines\\)`));
  await switches();
  for (const [level, side, first] of [
    [1, 'host', cardMark],
    [0, 'board', noMedium],
  ] as const) {
    await run('gpioset', [chip, `0=${level}`]);
    t.equal(await firstOf(sdwireReader), first, `what the host finds in the reader with CBUS0 at ${level}`);
    t.same(await switches(), [`sdwire ${side}`], 'and what the far end saw');
  }
});

await t.test('the driver of the USB-SD-Mux', async (t) => {
  await conforms(t, { driver: 'mux-usbsdmux', options: { serial: muxSerial } });
  t.equal(
    (await run('usbsdmux', [`/dev/usb-sd-mux/id-${muxSerial}`, 'get'])).stdout,
    'host\n',
    'by the tool too',
  );
  t.same(
    await switches(),
    ['host', 'neither', 'board', 'neither', 'host'].map((side) => `sdmux ${side}`),
    'never from one side to the other without a cut',
  );
});

await t.test('the driver of the SDWire, beside another adapter with such a chip', async (t) => {
  await conforms(t, { driver: 'mux-sdwire', options: { serial: sdwireSerial } });
  t.same(await switches(), ['sdwire host', 'sdwire board', 'sdwire host']);
});
