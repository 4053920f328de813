// test: light
// The board types that come with boardrig, held against the parts of the rig that go by them; and the parts alone.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { commandLine } from '../qemu/command-line.js';
import { readFirmwareFiles } from '../qemu/firmware-files.js';
import { lineRegister } from '../qemu/gpio-registers.js';
import { identityOf } from '../qemu/identity.js';
import { tinyBoardOf } from '../qemu/image/board.js';
import { orangePiBoot } from '../qemu/image/boot-kinds.js';
import { type DiskPart, writeDisk } from '../qemu/image/disk.js';
import { readElfNeeds } from '../qemu/image/elf.js';
import { writeFat32 } from '../qemu/image/fat.js';
import { partitionTypes, writeGpt } from '../qemu/image/gpt.js';
import { Toolbox } from '../qemu/image/toolbox.js';
import { FileTree } from '../qemu/image/tree.js';
import { TextWatch } from '../qemu/text-watch.js';
import { builtInTypes } from '../rig/config/board-type.js';
import { packageRoot } from '../rig/config/package.js';
import { Problems } from '../rig/config/problems.js';
import { readBoardType } from '../rig/config/read-board-type.js';
import type { BoardType } from '../rig/contracts/board.js';
import { installsItself } from '../rig/core/provision/method.js';
import { readBackupGpt, readGpt } from '../rig/image/gpt.js';

const mebibyte = 1024 * 1024;

async function read(name: string): Promise<BoardType> {
  const problems = new Problems();
  const found = await readBoardType(name, packageRoot, { cwd: packageRoot, env: {}, problems });
  problems.throwIfAny();
  if (!found) throw new Error(`${name} was not read`);
  return found.type;
}

t.test('every type is right, and says what it was written from', async (t) => {
  const names = builtInTypes();
  t.ok(names.length > 20, `${names.length} types`);
  for (const name of names) {
    const type = await read(name);
    t.equal(type.name, name, `${name} is called as its file`);
    t.not(type.summary, '', `${name} has a summary`);
    t.equal(
      type.machine === undefined,
      type.untested !== undefined,
      `${name} is played by QEMU, or untested`,
    );
    if (type.untested !== undefined) t.ok((type.sources ?? []).length > 0, `${name} names its documents`);
    t.equal(
      installsItself(type),
      type.flasher !== undefined,
      `${name}: signs of a flasher where there is one`,
    );
    for (const line of Object.values(type.inventory.leds ?? {}))
      if (line !== null) t.hasOwnProps(type.machine?.lines ?? {}, [line], `${name}: the line of its LED`);
  }
});

t.test('every virtual board has an image made for it, and lines that its machine has', async (t) => {
  for (const name of builtInTypes()) {
    const { machine, arch, image, inventory } = await read(name);
    if (!machine) continue;
    const made = tinyBoardOf({ arch, ...(image === undefined ? {} : { board: image }) });
    t.ok((inventory.network ?? []).includes(made.link), `${name}: ${made.link} is what its image waits for`);
    t.equal(machine.cpus, inventory.cpus, `${name} has the processors it shall be seen with`);
    t.equal(machine.memoryMiB, inventory.memoryMiB, `${name} has the memory it shall be seen with`);
    const bytes = (machine.mediumMiB ?? 0) * mebibyte;
    t.equal(
      2 ** Math.round(Math.log2(bytes)),
      bytes,
      `${name}: its medium is a power of two, as QEMU's SD cards are`,
    );
    for (const [line, number] of Object.entries(machine.lines ?? {}))
      t.ok(lineRegister(machine.model, number), `${name} has line ${line}`);
    if (machine.boot.kind !== 'firmware-files' || made.boot.kind !== 'firmware-files') continue;
    const trees = made.boot.deviceTrees.map((path) => path.replace(/^.*\//, ''));
    t.ok(trees.includes(machine.boot.deviceTree ?? ''), `${name}: its device tree is in its image`);
  }
  t.throws(() => tinyBoardOf({ arch: 'armhf', board: 'virt-arm64' }), { code: 'image.no-reference' });
  t.throws(() => tinyBoardOf({ arch: 'armel', board: 'constructor' }), { code: 'image.no-reference' });
});

t.test('a text is seen over the borders of what comes, once', async (t) => {
  const watch = new TextWatch('reboot: Restarting');
  const sees = (text: string) => watch.sees(Buffer.from(text));
  t.notOk(sees('rebreboot: Rest'));
  t.ok(sees('arting system'));
  t.notOk(sees(' reboot: Restart'), 'the one before does not count again');
  t.ok(sees('ing'));
  t.notOk(sees('ing'));
});

t.test('where a line of a machine can be read', async (t) => {
  t.same(lineRegister('virt,acpi=off', 3), { address: 0x0903_0020, mask: 8 });
  // GPIO47, the ACT LED: bit 15 of GPLEV1.
  t.same(lineRegister('raspi1ap', 47), { address: 0x2020_0038, mask: 1 << 15 });
  t.same(lineRegister('raspi2b', 47), { address: 0x3f20_0038, mask: 1 << 15 });
  t.same(lineRegister('sabrelite', 9), { address: 0x0209_c000, mask: 1 << 9 });
  t.same(lineRegister('sabrelite', 32), { address: 0x020a_0000, mask: 1 });
  t.equal(lineRegister('virt', 8), undefined);
  t.equal(lineRegister('q35', 0), undefined);
});

t.test('the time of the first Raspberry Pis goes by their instructions', async (t) => {
  const parts = { identity: identityOf('one'), serialPath: 'serial' };
  for (const [name, wanted] of [
    ['raspi0', true],
    ['raspi1ap', true],
    ['raspi2b', false],
  ] as const) {
    const { arch, machine } = await read(name);
    if (!machine) return void t.fail('QEMU plays it');
    const words = commandLine(arch, machine, {
      ...parts,
      accelerator: { name: 'tcg', reason: 'the only one' },
    });
    t.equal(words.includes('-icount'), wanted, name);
  }
});

t.test(
  'an Orange Pi has a number of its own in its chip, of which U-Boot makes its network address',
  async (t) => {
    const { arch, machine } = await read('orangepi-pc');
    if (!machine) return void t.fail('QEMU plays it');
    const numberOf = (name: string): string | undefined => {
      const words = commandLine(arch, machine, {
        accelerator: { name: 'tcg', reason: 'it is another processor' },
        identity: identityOf(name),
        serialPath: 'serial',
      });
      return words.find((word) => word.startsWith('allwinner-sid.identifier='))?.split('=')[1];
    };
    t.match(
      numberOf('one'),
      /^02c00081-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/,
      'of the kind of an H3',
    );
    t.not(numberOf('one'), numberOf('other'));
  },
);

function folder(t: Test): string {
  const made = mkdtempSync(join(tmpdir(), 'board-types-'));
  t.teardown(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** A disk whose first partition holds `files`. */
async function cardWith(place: string, files: Readonly<Record<string, string>>): Promise<Buffer> {
  const workDir = join(place, 'work');
  mkdirSync(workDir, { recursive: true });
  const tree = new FileTree();
  for (const [name, content] of Object.entries(files)) tree.file(name, content);
  const part: DiskPart = {
    name: 'resin-boot',
    typeGuid: partitionTypes.efiSystem,
    guid: '11111111-0000-8000-8000-000000000000',
    sizeBytes: 34 * mebibyte,
    file: join(place, 'boot'),
    used: [{ first: 0, last: 34 * mebibyte - 1 }],
  };
  const tools = new Toolbox({ workDir });
  const shape = { label: part.name, volumeId: '12345678', sizeBytes: part.sizeBytes };
  await writeFat32(part.file, { ...shape, tree, workDir, tools });
  const disk = join(place, 'disk');
  await writeDisk(disk, { parts: [part], diskGuid: '22222222-0000-8000-8000-000000000000' });
  return readFileSync(disk);
}

t.test('firmware loads what the medium holds at that moment, and says what it lacks', async (t) => {
  const place = folder(t);
  const card = await cardWith(place, {
    'kernel.img': 'kernel',
    'pi.dtb': 'tree',
    'cmdline.txt': 'quiet splash\n',
  });
  const wanted = { kind: 'firmware-files', kernel: 'kernel.img', deviceTree: 'pi.dtb' } as const;
  const load = (bytes: Buffer, more: { initrd?: string; commandLine?: string }) =>
    readFirmwareFiles(
      { ...wanted, ...more },
      {
        folder: place,
        read: async (offset, length) => bytes.subarray(offset, offset + length),
      },
    );
  const files = await load(card, { commandLine: 'cmdline.txt' });
  t.equal(files.append, 'quiet splash');
  t.equal(readFileSync(files.kernel, 'utf8'), 'kernel');
  t.equal(readFileSync(files.deviceTree ?? '', 'utf8'), 'tree');
  t.equal(files.initrd, undefined);
  const missing = { code: 'qemu.nothing-to-boot', blame: 'board' };
  await t.rejects(load(card, { initrd: 'initrd' }), {
    ...missing,
    message: /no file initrd in its first partition/,
  });
  await t.rejects(load(Buffer.alloc(mebibyte), {}), { ...missing, message: /no partition table/ });
});

t.test('a partition table with fewer entries leaves room for what a boot ROM reads', async (t) => {
  const partitions = [
    {
      number: 1,
      name: 'one',
      typeGuid: partitionTypes.linux,
      guid: '33333333-0000-8000-8000-000000000000',
      startBytes: 4 * mebibyte,
      sizeBytes: mebibyte,
    },
  ];
  const disk = { diskGuid: '44444444-0000-8000-8000-000000000000', diskBytes: 8 * mebibyte };
  const { front, back } = writeGpt(partitions, { ...disk, entries: orangePiBoot.tableEntries });
  t.ok(front.length <= (orangePiBoot.firmware?.offsetBytes ?? 0), `${front.length} bytes end before the SPL`);
  t.same(readGpt(front)?.partitions, partitions);
  t.same(readBackupGpt(back)?.partitions, partitions, 'the copy behind says the same');
  t.ok(writeGpt(partitions, disk).front.length > 8 * 1024, 'which the usual one does not');
});

t.test('what a program of 32 bits needs', async (t) => {
  // ELF header, two program headers (PT_LOAD, PT_DYNAMIC), the dynamic section, its strings (System V ABI, chapters 4 and 5).
  const bytes = Buffer.alloc(256);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  bytes.writeUInt32LE(52, 28);
  bytes.writeUInt16LE(32, 42);
  bytes.writeUInt16LE(2, 44);
  const header = (at: number, [type, offset, address, size]: readonly [number, number, number, number]) => {
    for (const [index, value] of [type, offset, address, address, size, size].entries())
      bytes.writeUInt32LE(value, at + 4 * index);
  };
  header(52, [1, 0, 0x1_0000, 256]);
  header(84, [2, 128, 0x1_0080, 24]);
  for (const [index, value] of [1, 1, 5, 0x1_00a0, 0, 0].entries())
    bytes.writeUInt32LE(value, 128 + 4 * index);
  bytes.write('\0libc.so.6\0', 160, 'latin1');
  t.same(readElfNeeds(bytes), { libraries: ['libc.so.6'], interpreter: undefined });
});

t.test('an untested type is shown as one', async (t) => {
  const place = folder(t);
  writeFileSync(
    join(place, 'lab.yaml'),
    'boards: { bone: { type: beaglebone-black, drivers: { console: { driver: console-tcp, address: 127.0.0.1:4000 } } } }\n',
  );
  const { execFileSync } = await import('node:child_process');
  const main = join(packageRoot, 'dist/rig/cli/main.js');
  const shown = execFileSync(process.execPath, [main, 'boards'], { cwd: place, encoding: 'utf8' });
  t.match(shown, /^bone +beaglebone-black \(untested\) /m);
  const list = JSON.parse(
    execFileSync(process.execPath, [main, 'boards', '--json'], { cwd: place, encoding: 'utf8' }),
  ) as { name: string; untested?: string }[];
  t.match(list.find(({ name }) => name === 'bone')?.untested, /no board of this type was run/);
  t.equal(list.find(({ name }) => name === 'virt-arm64')?.untested, undefined);
});
