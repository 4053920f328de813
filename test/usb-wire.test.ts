// test: light
// The USB devices of the lab host without it: the codec on bytes of a real QEMU, and what a device does with nonsense. That the
// kernel's drivers and Debian's tools know them is for test/labhost/inside/usb-*.ts.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { BulkOnly } from '../qemu/labhost/usb/bulk-only.js';
import { Card } from '../qemu/labhost/usb/card.js';
import type { UsbDevice } from '../qemu/labhost/usb/device.js';
import { stall } from '../qemu/labhost/usb/device.js';
import { Ftdi } from '../qemu/labhost/usb/ftdi.js';
import { baudOf } from '../qemu/labhost/usb/ftdi-settings.js';
import { PacketReader } from '../qemu/labhost/usb/packet-reader.js';
import { Plug } from '../qemu/labhost/usb/plug.js';
import { ScsiDisk } from '../qemu/labhost/usb/scsi-disk.js';
import { SdMux } from '../qemu/labhost/usb/sd-mux.js';
import { recorded } from './fakes/recorded-usb.js';
import { commandBlock, helloOf, packetOf, UsbGuest } from './fakes/usb-guest.js';

const everything = 0xfe;

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'usb-wire-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function plugged(t: Test, device: UsbDevice): Promise<{ guest: UsbGuest; errors: Error[] }> {
  const errors: Error[] = [];
  const path = join(folder(t), 'usb');
  const plug = await Plug.listen(device, { path, failed: (error) => void errors.push(error) });
  t.teardown(() => plug[Symbol.asyncDispose]());
  return { guest: await UsbGuest.at(path), errors };
}

t.test('what a real QEMU said, however it is cut', (t) => {
  const bytes = Buffer.from(recorded.map(([hex]) => hex).join(''), 'hex');
  for (const size of [bytes.length, 1, 7, 64]) {
    const reader = new PacketReader();
    const packets = [];
    for (let at = 0; at < bytes.length; at += size)
      packets.push(...reader.read(bytes.subarray(at, at + size)));
    t.match(
      packets,
      recorded.map(([, packet]) => packet),
      `in pieces of ${size} bytes`,
    );
    t.equal(packets.length, recorded.length);
  }
  t.end();
});

t.test('lengths that cannot be true are refused before anything is done with them', (t) => {
  const control = (length: number, data: number): Buffer => {
    const body = Buffer.alloc(10 + data);
    body.writeUInt16LE(length, 8);
    return packetOf(100, 1n, body);
  };
  const bulk = (endpoint: number, length: number, data: number): Buffer => {
    const body = Buffer.alloc(10 + data);
    body.writeUInt8(endpoint, 0);
    body.writeUInt32LE(length >>> 16, 6);
    body.writeUInt16LE(length & 0xffff, 2);
    body.writeUInt16LE(0, 6);
    body.writeUInt16LE(length >>> 16, 8);
    return packetOf(101, 1n, body);
  };
  const huge = packetOf(101, 1n, Buffer.alloc(0));
  huge.writeUInt32LE(0xffffffff, 4);
  const lies: Readonly<Record<string, Buffer>> = {
    'a packet of four gigabytes': huge,
    'a control request without the data that it announces': control(4, 3),
    'a control request with more data than it announces': control(4, 5),
    'a control packet that is too short': packetOf(100, 1n, Buffer.alloc(9)),
    'a bulk packet that is too short': packetOf(101, 1n, Buffer.alloc(9)),
    'a bulk packet without its data': bulk(2, 31, 30),
    'data with a request for data': bulk(0x81, 13, 13),
    'a request for a gigabyte': bulk(0x81, 1 << 30, 0),
    'a configuration without a number': packetOf(6, 1n, Buffer.alloc(0)),
    'an isochronous stream': packetOf(12, 1n, Buffer.alloc(3)),
  };
  for (const [name, bytes] of Object.entries(lies)) {
    const reader = new PacketReader();
    t.equal(reader.read(helloOf(everything)).length, 1);
    t.throws(() => reader.read(bytes), { code: 'labhost.bad-usb-packet' }, name);
  }
  const first = packetOf(3, 0n, Buffer.alloc(0));
  t.throws(() => new PacketReader().read(first), { code: 'labhost.bad-usb-packet' }, 'no hello');
  t.throws(() => new PacketReader().read(helloOf(0x7e & ~(1 << 5))), /capabilities/, 'short ids');
  t.end();
});

t.test('a device that is told nonsense is unplugged, and says why', async (t) => {
  const { guest, errors } = await plugged(t, new Ftdi({}));
  t.equal((await guest.answer(guest.control([0xc0, 0x0a, 0, 0, 1]))).data.toString('hex'), '10');
  guest.socket.write(packetOf(77, 9n, Buffer.alloc(0)));
  await new Promise<void>((resolve) => guest.socket.once('close', () => resolve()));
  t.match(errors, [{ code: 'labhost.bad-usb-packet', message: /type 77/ }]);
});

t.test('a transfer that waits is answered when there is something, or when it is cancelled', async (t) => {
  const chip = new Ftdi({});
  const { guest } = await plugged(t, chip);
  const first = await guest.answer(guest.bulkIn(0x81, 512));
  t.equal(first.data.toString('hex'), '0160', 'how the modem lines are is told once');
  const [one, two] = [guest.bulkIn(0x81, 512), guest.bulkIn(0x81, 512)];
  guest.cancel(one);
  t.equal((await guest.answer(one)).status, 1, 'cancelled');
  t.equal(guest.peek(two), undefined);
  chip.send(Buffer.alloc(70, 'a'));
  const { data } = await guest.answer(two);
  t.equal(
    data.toString('latin1'),
    `\x01\x60${'a'.repeat(62)}\x01\x60${'a'.repeat(8)}`,
    'a status in each 64 bytes',
  );
  chip.send(Buffer.alloc(70_000));
  t.equal((await guest.answer(guest.bulkIn(0x81, 64))).data[1], 0x62, 'what is too much is an overrun');
});

t.test('an endpoint that stalls does so until it is cleared', async (t) => {
  const mux = new SdMux(join(folder(t), 'none'), { serial: '1' });
  const { guest } = await plugged(t, mux.device);
  guest.bulkOut(2, commandBlock({ tag: 7, length: 36, isIn: true }, [0x12, 1, 0, 0, 36]));
  t.equal((await guest.answer(guest.bulkIn(0x81, 36))).status, 4, 'a page that the reader does not have');
  t.equal((await guest.answer(guest.bulkIn(0x81, 13))).status, 4, 'still');
  t.equal((await guest.answer(guest.control([0x82, 0, 0, 0x81, 2]))).data[0], 1, 'and it says so');
  await guest.answer(guest.control([0x02, 1, 0, 0x81, 0]));
  const { data } = await guest.answer(guest.bulkIn(0x81, 13));
  t.equal(data.toString('hex'), '5553425307000000' + '24000000' + '01', 'failed, with all 36 bytes missing');
});

t.test('bulk-only transport', (t) => {
  const given: { command: Buffer; data: Buffer }[] = [];
  const transport = new BulkOnly({
    execute: (command, data) => {
      given.push({ command, data });
      return { passed: true, data: Buffer.from('abc') };
    },
  });
  t.equal(transport.take(commandBlock({ tag: 1, length: 5, isIn: true }, [0x99])), undefined);
  t.equal(String(transport.give(100)), 'abc');
  t.equal(transport.give(100), stall, 'shorter than asked for');
  t.equal((transport.give(13) as Buffer).readUInt32LE(8), 2, 'two are missing');
  t.equal(transport.give(13), undefined);
  transport.take(commandBlock({ tag: 2, length: 5, isIn: false }, [0x2a]));
  t.equal(transport.take(Buffer.from('12')), undefined);
  t.equal(given.length, 1, 'not before all is there');
  t.equal(transport.take(Buffer.from('345')), undefined);
  t.equal(String(given[1]?.data), '12345');
  t.equal((transport.give(13) as Buffer).readUInt8(12), 0);
  for (const [name, bytes] of Object.entries({
    'a wrong signature': Buffer.alloc(31),
    'a command that is too short': commandBlock({ tag: 1, length: 0, isIn: true }, [0]).subarray(0, 30),
    'a command of 17 bytes': commandBlock({ tag: 1, length: 0, isIn: true }, [0], 17),
    'a transfer of two gigabytes': commandBlock({ tag: 1, length: 2 ** 31, isIn: false }, [0x2a]),
  })) {
    t.equal(transport.take(bytes), stall, name);
    t.equal(
      transport.take(commandBlock({ tag: 1, length: 0, isIn: true }, [0])),
      stall,
      'nothing more is taken',
    );
    t.equal(transport.give(13), stall);
    transport.reset();
  }
  transport.take(commandBlock({ tag: 3, length: 4, isIn: false }, [0x2a]));
  t.equal(transport.take(Buffer.alloc(5)), stall, 'more data than announced');
  t.equal(given.length, 2, 'and nothing of it was done');
  t.end();
});

t.test('a card', (t) => {
  const file = join(folder(t), 'card');
  writeFileSync(file, Buffer.alloc(8 * 512, 1));
  const disk = new ScsiDisk({ vendor: 'a vendor', product: 'a product' });
  const sense = (): string =>
    (disk.execute(cdb(0x03, 0, 0, 0, 18), none).data ?? none).toString('hex', 2, 14);
  const reads = (at: number, count: number) => disk.execute(cdb(0x28, 0, 0, 0, 0, at, 0, 0, count), none);
  const writes = (at: number, count: number, data: Buffer) =>
    disk.execute(cdb(0x2a, 0, 0, 0, 0, at, 0, 0, count), data);
  t.equal(reads(0, 1).passed, false);
  t.match(sense(), /^02.*3a00$/, 'no medium');
  disk.insert(new Card(file));
  t.equal(reads(0, 1).passed, false);
  t.match(sense(), /^06.*2800$/, 'another medium, said once');
  t.same(reads(0, 1).data, Buffer.alloc(512, 1));
  t.equal(writes(7, 1, Buffer.alloc(512, 2)).passed, true);
  t.equal(reads(7, 2).passed, false);
  t.match(sense(), /^05.*2100$/, 'past its end');
  t.equal(writes(8, 1, Buffer.alloc(512)).passed, false);
  t.equal(writes(0, 2, Buffer.alloc(512)).passed, false, 'less data than blocks');
  disk.remove();
  const bytes = readFileSync(file);
  t.same(bytes, Buffer.concat([Buffer.alloc(7 * 512, 1), Buffer.alloc(512, 2)]), 'as long as before');
  t.end();
});

t.test('the I²C of a USB-SD-Mux', (t) => {
  const card = join(folder(t), 'card');
  writeFileSync(card, Buffer.alloc(512));
  const sides: string[] = [];
  const mux = new SdMux(card, { serial: '1', switched: (side) => void sides.push(side) });
  let tag = 0;
  /** The status of a write of `bytes`; the mux is a device, so that it is asked through its endpoints. */
  const write = (address: number, bytes: readonly number[], length = bytes.length): number => {
    tag += 1;
    mux.device.take(
      2,
      commandBlock({ tag, length: 512, isIn: false }, [0xcf, 0x23, address, 0, length >> 8, length & 0xff]),
    );
    mux.device.take(2, Buffer.concat([Buffer.from(bytes), Buffer.alloc(512 - bytes.length)]));
    return (mux.device.give(0x81, 13) as Buffer).readUInt8(12);
  };
  const read = (register: number): number => {
    tag += 1;
    mux.device.take(
      2,
      commandBlock({ tag, length: 1, isIn: true }, [0xcf, 0x22, 0x82, 0x83, 0, 1, 1, register]),
    );
    const value = (mux.device.give(0x81, 512) as Buffer).readUInt8(0);
    mux.device.give(0x81, 13);
    return value;
  };
  t.same([0, 1, 2, 3].map(read), [0xff, 0xff, 0xf0, 0xff], 'as after power-on (PCA9536, table 4 on)');
  t.equal(write(0x84, [1, 0]), 1, 'nobody has that address');
  t.equal(write(0x82, [1, 0], 513), 1, 'more than the data is long');
  t.equal(write(0x82, [1, 0]), 0);
  t.same(sides, [], 'pins that are inputs drive nothing');
  t.equal(write(0x82, [3, 0]), 0);
  t.same(sides, ['host']);
  t.equal(mux.device.hasCard, true);
  t.equal(read(0), 0xf0);
  write(0x82, [1, 8]);
  t.equal(mux.device.hasCard, false, 'the pin that says whether a card is in');
  t.same(sides, ['host'], 'switches nothing');
  write(0x82, [1, 4]);
  write(0x82, [1, 1]);
  write(0x82, [1, 0]);
  write(0x82, [1, 2]);
  t.same(
    sides,
    ['host', 'board', 'neither', 'host', 'neither'],
    'each other pin does what usbsdmux takes it for',
  );
  t.end();
});

t.test('baud rates are what the kernel means', (t) => {
  // Value and index as ftdi_232bm_baud_to_divisor makes them; those of an FT-X have the port in the index's low byte.
  for (const [baud, value, index] of [
    [9600, 0x4138, 0],
    [57_600, 0xc034, 0],
    [115_200, 0x001a, 0],
    [230_400, 0x000d, 0],
    [460_800, 0x4006, 0],
    [921_600, 0x8003, 0],
    [2_000_000, 1, 0],
    [3_000_000, 0, 0],
    [1_263_158, 0x0002, 0x100],
  ] as const)
    t.ok(Math.abs(baudOf(value, index) / baud - 1) < 0.002, `${baudOf(value, index)} for ${baud}`);
  t.end();
});

const none = Buffer.alloc(0);

function cdb(...bytes: readonly number[]): Buffer {
  return Buffer.concat([Buffer.from(bytes), Buffer.alloc(16 - bytes.length)]);
}
