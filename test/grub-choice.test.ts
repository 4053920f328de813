// test: vm
/**
 * Which slot GRUB starts, in the real GRUB under the real firmware, with the disk and the script of the reference OS. The
 * slots' kernels reset the machine at once, as a system that panics does.
 */
import { closeSync, copyFileSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tap, { type Test } from 'tap';
import {
  type BootChoice,
  encodeGrubEnvironment,
  grubEnvironment,
  grubEnvironmentCopies,
} from '../qemu/image/grub-environment.js';
import type { MachineSpec } from '../rig/contracts/board.js';
import { stubSays, writeChoiceDisk } from './choice/disk.js';
import { OpenDevice } from './conformance/device.js';
import { openBoard } from './qemu/boards.js';

const folder = mkdtempSync(join(tmpdir(), 'grub-choice-'));
tap.setTimeout(300_000);
tap.teardown(() => rmSync(folder, { recursive: true, force: true }));

const machine: MachineSpec = {
  model: 'q35',
  cpu: 'qemu64',
  cpus: 1,
  memoryMiB: 256,
  boot: {
    kind: 'uefi',
    code: '/usr/share/OVMF/OVMF_CODE_4M.fd',
    variables: '/usr/share/OVMF/OVMF_VARS_4M.fd',
  },
  disk: 'virtio-pci',
  forward: [],
};

type Copy = keyof typeof grubEnvironmentCopies;
const environment = (order: BootChoice['order'], leftA: number, leftB: number): Buffer =>
  encodeGrubEnvironment({ order, leftA, leftB });
const asBuilt = environment('A B', 9, 0);
const spareAsBuilt = environment('A B', 3, 0);
const gone = Buffer.alloc(512);
const cutShort = Buffer.concat([environment('B A', 9, 3).subarray(0, 30), Buffer.alloc(482, 0xff)]);
/** Half the old and half the new: each value is one that could be. */
const mixed = Buffer.concat([
  environment('B A', 9, 2).subarray(0, 50),
  environment('A B', 9, 9).subarray(50),
]);

const both = join(folder, 'both.img');
await writeChoiceDisk(both, { arch: 'amd64', kernels: ['A', 'B'], workDir: join(folder, 'both') });

/** A disk with these copies. */
function diskWith(disk: string, copies: Readonly<Record<Copy, Buffer>>): string {
  const file = join(folder, 'disk.img');
  copyFileSync(disk, file);
  const handle = openSync(file, 'r+');
  const built = grubEnvironment();
  for (const { offsetBytes, data } of built) writeSync(handle, data, 0, data.length, offsetBytes);
  for (const name of ['first', 'second', 'spare'] as const)
    writeSync(handle, copies[name], 0, 512, grubEnvironmentCopies[name]);
  closeSync(handle);
  return file;
}

interface Booted {
  /** What the bootloader and the kernels said, a line each, without what all the lines begin with. */
  readonly said: readonly string[];
  readonly copies: Readonly<Record<Copy, string>>;
}

/** Lets the disk boot until `last` was said for the `count`th time, then cuts the power. */
async function boot(disk: string, { last, count = 1 }: { last: string; count?: number }): Promise<Booted> {
  await using open = await OpenDevice.of({
    open: (emit) => openBoard(emit, { machine }),
    started: '',
    question: { line: '', answer: '' },
  });
  const { power, storage } = open.device.capabilities;
  await storage?.provision({ path: disk, sha256: 'unknown' });
  await power?.on();
  for (let seen = 0; seen < count; seen++) await open.until(last);
  await power?.off();
  const read = async (name: Copy): Promise<string> => {
    const bytes = await storage?.read(grubEnvironmentCopies[name], 512);
    const text = Buffer.from(bytes ?? []).toString('latin1');
    return /^# GRUB Environment Block\n[^#]*BOOT_AGAIN=(.*)\n#+$/.exec(text)?.[1] ?? 'none';
  };
  return {
    said: [...open.text.matchAll(/(?:boardrig: bootloader|stub kernel of) ([^\r\n]*)/g)].map(
      ([, line = '']) => line,
    ),
    copies: { first: await read('first'), second: await read('second'), spare: await read('spare') },
  };
}

const variables = (order: string, a: number, b: number): string => `${order} ${a} ${b}`;

tap.test('a good slot starts, and nothing is written', async (t: Test) => {
  const { said, copies } = await boot(
    diskWith(both, { first: asBuilt, second: cutShort, spare: spareAsBuilt }),
    { last: stubSays('A') },
  );
  t.same(said, ['env=first order=A,B left=A:9,B:0', 'slot=A left=9 why=first', 'slot A']);
  t.same(copies, { first: variables('A B', 9, 0), second: 'none', spare: variables('A B', 3, 0) });
});

tap.test('a slot on trial has three tries, then the next one of the order starts', async (t: Test) => {
  const updated = environment('B A', 9, 3);
  const { said, copies } = await boot(
    diskWith(both, { first: updated, second: asBuilt, spare: spareAsBuilt }),
    {
      last: stubSays('A'),
    },
  );
  t.same(said, [
    ...['env=first order=B,A left=A:9,B:3', 'slot=B left=2 why=first', 'slot B'],
    ...['env=first order=B,A left=A:9,B:2', 'slot=B left=1 why=first', 'slot B'],
    ...['env=first order=B,A left=A:9,B:1', 'slot=B left=0 why=first', 'slot B'],
    ...['env=first order=B,A left=A:9,B:0', 'slot=A left=9 why=next', 'slot A'],
  ]);
  const counted = variables('B A', 9, 0);
  t.same(copies, { first: counted, second: counted, spare: variables('A B', 3, 0) }, 'both copies follow');
});

tap.test(
  'a first copy that is torn is not believed, the second one counts, and counting mends the first',
  async (t: Test) => {
    const { said, copies } = await boot(
      diskWith(both, { first: mixed, second: environment('B A', 9, 1), spare: spareAsBuilt }),
      { last: stubSays('A') },
    );
    t.same(said, [
      ...['env=second order=B,A left=A:9,B:1', 'slot=B left=0 why=first', 'slot B'],
      ...['env=first order=B,A left=A:9,B:0', 'slot=A left=9 why=next', 'slot A'],
    ]);
    const counted = variables('B A', 9, 0);
    t.same(copies, { first: counted, second: counted, spare: variables('A B', 3, 0) });
  },
);

tap.test(
  'without a copy slot A is tried and counted, and when no try is left all begin anew',
  async (t: Test) => {
    const spare = environment('A B', 1, 0);
    const { said, copies } = await boot(diskWith(both, { first: gone, second: gone, spare }), {
      last: stubSays('A'),
      count: 2,
    });
    const none = 'env=none order=- left=A:-,B:-';
    t.same(said, [
      ...[none, 'slot=A left=0 why=fallback', 'slot A'],
      ...[none, 'slot=A left=2 why=none-left', 'slot A'],
    ]);
    t.same(copies, { first: 'none', second: 'none', spare: variables('A B', 2, 3) }, 'both have a kernel');
  },
);

tap.test('a slot whose kernel is missing yields in the same boot', async (t: Test) => {
  const onlyB = join(folder, 'only-b.img');
  await writeChoiceDisk(onlyB, { arch: 'amd64', kernels: ['B'], workDir: join(folder, 'only-b') });
  const { said, copies } = await boot(
    diskWith(onlyB, { first: asBuilt, second: asBuilt, spare: spareAsBuilt }),
    { last: stubSays('B'), count: 2 },
  );
  t.same(said, [
    ...['env=first order=A,B left=A:9,B:0', 'slot=A left=9 why=first', 'cannot boot slot=A'],
    ...['slot=B left=2 why=none-left', 'slot B'],
    // The counters were set anew for what has a kernel.
    ...['env=first order=A,B left=A:0,B:2', 'slot=B left=1 why=next', 'slot B'],
  ]);
  t.same(copies.first, variables('A B', 0, 1));
});

tap.test('no slot with a kernel: the board resets and looks again', async (t: Test) => {
  const empty = join(folder, 'empty.img');
  await writeChoiceDisk(empty, { arch: 'amd64', kernels: [], workDir: join(folder, 'empty') });
  const copies = { first: asBuilt, second: asBuilt, spare: spareAsBuilt };
  const { said } = await boot(diskWith(empty, copies), {
    last: 'boardrig: bootloader cannot boot slot=A',
    count: 2,
  });
  t.same(said, [
    ...['env=first order=A,B left=A:9,B:0', 'slot=A left=9 why=first', 'cannot boot slot=A'],
    ...['env=first order=A,B left=A:9,B:0', 'slot=A left=9 why=first', 'cannot boot slot=A'],
  ]);
});

tap.test('every copy gone, the spare one too: slot A starts as if it were good', async (t: Test) => {
  const { said } = await boot(diskWith(both, { first: gone, second: gone, spare: gone }), {
    last: stubSays('A'),
  });
  t.same(said, ['env=none order=- left=A:-,B:-', 'slot=A left=2 why=fallback', 'slot A']);
});
