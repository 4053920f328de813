// test: vm
// Media that move between a virtual board and the rig, and lines that the rig sees: U-Boot is the board, so that a
// boot costs a third of a second.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { serveView } from '../qemu/write-log/block-server.js';
import { readWriteLog } from '../qemu/write-log/parse.js';
import { ViewFiles } from '../qemu/write-log/view.js';
import type { MachineSpec } from '../rig/contracts/board.js';
import type { CrashState } from '../rig/contracts/powercut.js';
import { Layers } from '../rig/core/powercut/layers.js';
import { OpenDevice } from './conformance/device.js';
import { type GpioMaker, gpioConformance } from './conformance/gpio.js';
import { type MuxMaker, muxConformance } from './conformance/mux.js';
import { netbootConformance } from './conformance/netboot.js';
import { openBoard, prompt, uBootMachine, uBootMaker } from './qemu/boards.js';

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

t.test('netboot: the board asks by DHCP, and loads by TFTP', async (t) => {
  const machine = { ...uBootMachine, mediumMiB: 16, netboot: true };
  await netbootConformance(t, {
    open: (emit) => openBoard(emit, { machine }),
    async told(board) {
      const { power } = board.device.capabilities;
      await power?.on();
      await board.until(prompt);
      const load = 'if dhcp 0x40200000; then env import -t 0x40200000 $filesize who; fi';
      await board.type(`virtio scan; setenv who -; ${load}; echo to\\ld=$who.\n`);
      await board.until('told=');
      const who = await board.until('.');
      await power?.off();
      return who === '-' ? undefined : who;
    },
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

t.test('what a board writes is logged, a file for each QEMU; a board boots from a served view', async (t) => {
  const folder = t.testdir({});
  const image = join(folder, 'image.raw');
  writeFileSync(image, Buffer.alloc(1024 * 1024, 7));
  await using board = await OpenDevice.of(uBootMaker);
  const { storage, power } = board.device.capabilities;
  const { explorable } = board.device;
  if (!storage || !power || !explorable) return void t.fail('a virtual board gives all of them');
  const atPrompt = async (command: string): Promise<string> => {
    await power.on();
    await board.until(prompt);
    await board.type(`${command}; echo wr$mood\n`);
    return await board.until('wrserene');
  };
  const write = (sector: string): string =>
    `virtio scan; mw.b 0x40200000 0x5a 0x400; virtio write 0x40200000 ${sector} 2`;

  await storage.provision({ path: image, sha256: 'x' });
  const log = await explorable.logWrites(join(folder, 'log'));
  await log.mark('first');
  await atPrompt(write('10'));
  // A reset is no flush, though QEMU makes one of it.
  await board.type('reset\n');
  await board.until(prompt);
  await atPrompt(write('20'));
  await power.off();
  await log.mark('second');
  await atPrompt(write('40'));
  await t.rejects(log.end(), { code: 'storage.board-on' });
  await power.off();
  const { entries, files, phases } = await readWriteLog(await log.end());
  t.same(
    entries
      .filter(({ kind }) => kind === 'write')
      .map(({ file, sector, sectors }) => [file, sector, sectors]),
    [
      [0, 16, 2],
      [0, 32, 2],
      [1, 64, 2],
    ],
  );
  t.same(
    entries.filter(({ flush }) => flush),
    [],
    'U-Boot flushes nothing',
  );
  t.equal(entries[phases[1]?.from ?? -1]?.file, 1, 'the second phase begins with the second process');

  const first: Pick<CrashState, 'durable' | 'kept' | 'torn'> = { durable: 1, kept: [] };
  await using viewFiles = await ViewFiles.open({ base: image, logs: files, sizeBytes: 1024 * 1024 });
  const socketPath = join(mkdtempSync(join(tmpdir(), 'cut-')), 'nbd');
  await using view = await serveView(viewFiles, {
    extents: new Layers(entries).extentsOf(first),
    socketPath,
  });
  await explorable.bootFrom(view);
  const look =
    'virtio read 0x40200000 10 1; md.b 0x40200000 1; virtio read 0x40200000 40 1; md.b 0x40200000 1';
  t.match(await atPrompt(`virtio scan; ${look}`), /40200000: 5a .*40200000: 07 /s, 'the first write alone');
  await power.off();
  const read = [...view.readSet()];
  t.ok(read.includes(64), `sector 64 was read: ${read.join()}`);
  t.equal(storage.state().kind, 'unknown');
  await storage.provision({ path: image, sha256: 'x' });
  t.match(await atPrompt(`virtio scan; ${look}`), /40200000: 07 .*40200000: 07 /s, 'an image again');
});
