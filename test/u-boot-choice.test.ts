// test: vm
/**
 * Which slot U-Boot starts, in Debian's unchanged U-Boot with the script of the reference OS and the environment as libubootenv
 * would read and write it. The slots' kernels reset the machine at once, as a system that panics does.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, copyFileSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tap, { type Test } from 'tap';
import {
  encodeEnvironmentCopy,
  environmentBytes,
  environmentCopies,
} from '../qemu/image/uboot-environment.js';
import type { MachineSpec } from '../rig/contracts/board.js';
import { stubSays, writeChoiceDisk } from './choice/disk.js';
import { OpenDevice } from './conformance/device.js';
import { openBoard } from './qemu/boards.js';

const folder = mkdtempSync(join(tmpdir(), 'u-boot-choice-'));
tap.setTimeout(300_000);
tap.teardown(() => rmSync(folder, { recursive: true, force: true }));

const machine: MachineSpec = {
  model: 'virt,acpi=off',
  cpu: 'cortex-a57',
  cpus: 1,
  memoryMiB: 256,
  boot: {
    kind: 'u-boot',
    image: '/usr/lib/u-boot/qemu_arm64/u-boot.bin',
    environment: {
      bootdelay: '-2',
      bootcmd: 'virtio scan; if load virtio 0:1 0x40200000 boot.scr; then source 0x40200000; fi; reset',
      stdin: 'pl011@9000000',
      stdout: 'pl011@9000000',
      stderr: 'pl011@9000000',
    },
  },
  disk: 'virtio-mmio',
  forward: [],
};

type Slots = readonly ('A' | 'B')[];
/** A copy with this number, order and tries; a copy of an older number counts less. */
const copy = (number: number, order: string, leftA: number | '', leftB: number | ''): Buffer =>
  encodeEnvironmentCopy(
    {
      BOOT_ORDER: order,
      ...(leftA === '' ? {} : { BOOT_A_LEFT: leftA.toString(16) }),
      ...(leftB === '' ? {} : { BOOT_B_LEFT: leftB.toString(16) }),
    },
    { number },
  );
const gone = Buffer.alloc(environmentBytes);
/** The first half of the copy that should have come, the second half of what was there. */
const torn = (first: Buffer, rest: Buffer): Buffer =>
  Buffer.concat([first.subarray(0, 40), rest.subarray(40)]);

let disks = 0;

/** A disk with kernels in `slots` and these two copies. */
async function disk(slots: Slots, copies: readonly [Buffer, Buffer], plant?: 'no-count'): Promise<string> {
  const base = join(folder, `${slots.join('') || 'empty'}${plant ?? ''}.img`);
  if (!made.has(base)) {
    await writeChoiceDisk(base, {
      arch: 'arm64',
      kernels: slots,
      ...(plant ? { plant } : {}),
      workDir: join(folder, `work-${made.size}`),
    });
    made.add(base);
  }
  const file = join(folder, `disk-${disks++}.img`);
  copyFileSync(base, file);
  const handle = openSync(file, 'r+');
  for (const [index, at] of environmentCopies.entries())
    writeSync(handle, copies[index] ?? gone, 0, environmentBytes, at);
  closeSync(handle);
  return file;
}
const made = new Set<string>();

interface Booted {
  /** What the bootloader and the kernels said, a line each, without what all the lines begin with. */
  readonly said: readonly string[];
  /** The environment afterwards as libubootenv reads it. */
  readonly environment: string;
  /** The bytes of both copies afterwards. */
  readonly copies: readonly Buffer[];
}

/** Lets the disk boot until `last` was said for the `count`th time, then cuts the power. */
async function boot(image: string, { last, count = 1 }: { last: string; count?: number }): Promise<Booted> {
  await using open = await OpenDevice.of({
    open: (emit) => openBoard(emit, { machine }),
    started: '',
    question: { line: '', answer: '' },
  });
  const { power, storage } = open.device.capabilities;
  await storage?.provision({ path: image, sha256: 'unknown' });
  await power?.on();
  for (let seen = 0; seen < count; seen++) await open.until(last);
  await power?.off();
  const copies = await Promise.all(
    environmentCopies.map(async (at) => Buffer.from((await storage?.read(at, environmentBytes)) ?? [])),
  );
  return {
    said: [...open.text.matchAll(/(?:boardrig: bootloader|stub kernel of) ([^\r\n]*)/g)].map(
      ([, line = '']) => line,
    ),
    environment: readByLibubootenv(copies),
    copies,
  };
}

/** What `fw_printenv` says of such copies. */
function readByLibubootenv(copies: readonly Buffer[]): string {
  const file = join(folder, 'environment');
  const config = join(folder, 'fw_env.config');
  writeFileSync(file, Buffer.concat(copies));
  const size = `0x${environmentBytes.toString(16)}`;
  writeFileSync(config, `${file} 0x0 ${size}\n${file} ${size} ${size}\n`);
  return execFileSync('fw_printenv', ['-c', config], { encoding: 'utf8' }).trim().split('\n').join(' ');
}

const asBuilt = [copy(0, 'A B', 9, 0), copy(1, 'A B', 9, 0)] as const;

tap.test('a slot that was marked good starts, and nothing is written', async (t: Test) => {
  const { said, copies } = await boot(await disk(['A', 'B'], asBuilt), { last: stubSays('A'), count: 2 });
  const everyBoot = ['env=second order=A,B left=A:9,B:0', 'slot=A left=9 why=first', 'slot A'];
  t.same(said, [...everyBoot, ...everyBoot]);
  t.same(copies, asBuilt);
});

tap.test('a slot on trial has three tries, then the next one of the order starts', async (t: Test) => {
  const updated = await disk(['A', 'B'], [copy(254, 'A B', 9, 0), copy(255, 'B A', 9, 3)]);
  const { said, environment } = await boot(updated, { last: stubSays('A') });
  t.same(
    said,
    [
      ...['env=second order=B,A left=A:9,B:3', 'slot=B left=2 why=first', 'slot B'],
      ...['env=first order=B,A left=A:9,B:2', 'slot=B left=1 why=first', 'slot B'],
      ...['env=second order=B,A left=A:9,B:1', 'slot=B left=0 why=first', 'slot B'],
      ...['env=first order=B,A left=A:9,B:0', 'slot=A left=9 why=next', 'slot A'],
    ],
    'over the end of the numbers too: 255 is followed by 0',
  );
  t.equal(environment, 'BOOT_A_LEFT=9 BOOT_B_LEFT=0 BOOT_ORDER=B A');
});

for (const [name, bad] of [
  ['zeroed', gone],
  ['torn', torn(copy(9, 'B A', 9, 3), copy(7, 'A B', 9, 0))],
] as const) {
  tap.test(`one copy ${name}: the other one counts, and the next write mends it`, async (t: Test) => {
    const good = copy(8, 'B A', 9, 2);
    const first = await boot(await disk(['A', 'B'], [bad, good]), { last: stubSays('B') });
    t.same(first.said.slice(0, 2), ['env=second order=B,A left=A:9,B:2', 'slot=B left=1 why=first']);
    t.same(first.copies[1], good, 'the whole copy stays');
    const second = await boot(await disk(['A', 'B'], [good, bad]), { last: stubSays('B') });
    t.same(second.said.slice(0, 2), ['env=first order=B,A left=A:9,B:2', 'slot=B left=1 why=first']);
    t.same(second.copies[0], good);
    for (const { environment } of [first, second])
      t.equal(environment, 'BOOT_A_LEFT=9 BOOT_B_LEFT=1 BOOT_ORDER=B A', 'and the mended one is newer');
  });
}

tap.test('both copies gone: slot A is tried, and when it has failed three times both', async (t: Test) => {
  const bad = torn(copy(9, 'B A', 9, 3), copy(7, 'A B', 9, 0));
  const { said } = await boot(await disk(['A', 'B'], [bad, gone]), { last: stubSays('B') });
  t.same(said, [
    ...['env=none order=- left=A:-,B:-', 'slot=A left=2 why=fallback', 'slot A'],
    ...['env=first order=A,B left=A:2,B:0', 'slot=A left=1 why=first', 'slot A'],
    ...['env=second order=A,B left=A:1,B:0', 'slot=A left=0 why=first', 'slot A'],
    ...['env=first order=A,B left=A:0,B:0', 'slot=A left=2 why=none-left', 'slot A'],
    ...['env=second order=A,B left=A:2,B:3', 'slot=A left=1 why=first', 'slot A'],
    ...['env=first order=A,B left=A:1,B:3', 'slot=A left=0 why=first', 'slot A'],
    ...['env=second order=A,B left=A:0,B:3', 'slot=B left=2 why=next', 'slot B'],
  ]);
});

tap.test('all tries spent: an empty slot is given none', async (t: Test) => {
  const spent = [copy(0, 'B A', 0, 0), copy(1, 'B A', 0, 0)] as const;
  const { said, environment } = await boot(await disk(['A'], spent), { last: stubSays('A') });
  t.same(said, ['env=second order=B,A left=A:0,B:0', 'slot=A left=2 why=none-left', 'slot A']);
  t.equal(environment, 'BOOT_A_LEFT=2 BOOT_B_LEFT=0 BOOT_ORDER=A B');
});

tap.test('a good slot without a kernel yields to one that has no tries left', async (t: Test) => {
  const { said } = await boot(await disk(['B'], asBuilt), { last: stubSays('B') });
  t.same(said, [
    ...['env=second order=A,B left=A:9,B:0', 'slot=A left=9 why=first', 'cannot boot slot=A'],
    ...['slot=B left=2 why=none-left', 'slot B'],
  ]);
});

tap.test('no kernel anywhere: U-Boot goes on looking', async (t: Test) => {
  const { said } = await boot(await disk([], asBuilt), { last: 'cannot boot slot=A', count: 2 });
  t.same(said.slice(0, 3), [
    'env=second order=A,B left=A:9,B:0',
    'slot=A left=9 why=first',
    'cannot boot slot=A',
  ]);
});

tap.test('an environment that makes no sense ends in a slot that boots', async (t: Test) => {
  const odd = [copy(0, 'x C', 9, 9), copy(1, 'x C', '', '')] as const;
  const { said } = await boot(await disk(['A', 'B'], odd), { last: stubSays('A') });
  t.same(said, ['env=second order=x,C left=A:-,B:-', 'slot=A left=2 why=none-left', 'slot A']);
});

tap.test('the planted script never counts, so a slot that fails is tried for ever', async (t: Test) => {
  const updated = [copy(0, 'A B', 9, 0), copy(1, 'B A', 9, 3)] as const;
  const { said } = await boot(await disk(['A', 'B'], updated, 'no-count'), { last: stubSays('B'), count: 5 });
  t.equal(said.filter((line) => line === 'slot=B left=3 why=first').length, 5);
});
