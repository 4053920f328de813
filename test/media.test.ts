// test: vm
// Media that move between a virtual board and the rig, and lines that the rig sees: U-Boot is the board, so that a
// boot costs a third of a second.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { MachineSpec } from '../rig/contracts/board.js';
import { OpenDevice } from './conformance/device.js';
import { type GpioMaker, gpioConformance } from './conformance/gpio.js';
import { type MuxMaker, muxConformance } from './conformance/mux.js';
import { openBoard, uBootMachine, uBootMaker } from './qemu/boards.js';

t.setTimeout(240_000);

const withSlot: MachineSpec = { ...uBootMachine, slot: 'virtio-mmio', cardMiB: 8, mediumMiB: 16 };
const withLines: MachineSpec = { ...uBootMachine, model: 'virt,acpi=off', lines: { lamp: 1, other: 4 } };

/** The first medium that U-Boot finds. */
const scribble: MuxMaker['scribble'] = {
  lines: ['virtio scan; mw.b 0x40200000 0x5a 0x200; virtio write 0x40200000 0 1; echo wr$mood\n'],
  answer: 'wrserene',
};

t.test('mux: the disk of a board without a slot', async (t) => {
  const machine = { ...uBootMachine, mediumMiB: 16 };
  await muxConformance(t, { ...uBootMaker, open: (emit) => openBoard(emit, { machine }), scribble });
});

t.test('mux: the card in a slot, which the firmware finds before the disk', async (t) => {
  await muxConformance(t, {
    ...uBootMaker,
    open: (emit) => openBoard(emit, { machine: withSlot }),
    scribble,
  });
});

t.test('gpio: lines of the PL061', async (t) => {
  // Direction and data of line 1 (PrimeCell GPIO PL061, DDI 0190B, 3.3).
  const set = (level: string): string => `mw.l 0x09030400 2; mw.l 0x09030008 ${level}\n`;
  const maker: GpioMaker = {
    ...uBootMaker,
    open: (emit) => openBoard(emit, { machine: withLines }),
    line: { name: 'lamp', high: set('2'), low: set('0') },
  };
  await gpioConformance(t, maker);
});

t.test(
  'a disk that was provisioned can be taken out, changed and put back; the image is never changed',
  async (t) => {
    const image = join(t.testdir({}), 'image.raw');
    const bytes = Buffer.alloc(4 * 1024 * 1024, 7);
    writeFileSync(image, bytes);
    await using board = await OpenDevice.of(uBootMaker);
    const { storage, mux, power, snapshots } = board.device.capabilities;
    if (!storage || !mux || !power || !snapshots) return void t.fail('a virtual board gives all of them');
    await storage.provision({ path: image, sha256: 'x' }, { mediumBytes: 8 * 1024 * 1024 });
    const drive = await mux.toRig();
    t.equal(drive.sizeBytes, 8 * 1024 * 1024);
    await t.rejects(storage.read(0, 1), { code: 'storage.no-medium' }, 'it is not at the board');
    await mux.toBoard();
    t.equal(storage.state().kind, 'unknown', 'who knows what was written to it');
    t.same(Buffer.from(await storage.read(4 * 1024 * 1024 - 2, 4)), Buffer.from([7, 7, 0, 0]));
    await power.on();
    await t.rejects(snapshots.save(join(t.testdirName, 'snapshot')), { code: 'snapshot.unnamed-medium' });
    await power.off();
    await mux.toRig();
    await mux.toBoard({ holds: { path: image, sha256: 'x' } });
    t.match(storage.state(), { kind: 'image', sha256: 'x' });
    await storage.provision({ path: image, sha256: 'x' });
    t.equal(await mux.side(), 'board');
  },
);
