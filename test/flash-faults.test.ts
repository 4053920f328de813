// test: light
// `rig flash` as a program, on drives that fail, vanish, lie and are somebody else's: loop devices, QEMU's block layer as a
// file, and answers of lsblk that this machine cannot give.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import tap, { type Test } from 'tap';
import type { MediumState } from '../rig/contracts/capabilities.js';
import { sessionRoots } from '../rig/core/session/directory.js';
import { attachSession } from '../rig/core/session/open.js';
import type { BlockDevice } from '../rig/flash/drive/block-devices.js';
import { readBlockDevices } from '../rig/flash/drive/block-devices.js';
import { driveAt, removableDrives } from '../rig/flash/drive/drive.js';
import { assertMayWrite, assertSameDrive, defaultMaxBytes } from '../rig/flash/drive/safety.js';
import { flash } from '../rig/flash/flash.js';
import { Medium } from '../rig/flash/medium/medium.js';
import { type FlashPhase, FlashProgress } from '../rig/flash/progress.js';
import { FileSource } from '../rig/flash/source/file.js';
import { type Ended, World } from './e2e/world.js';
import { failing, faultyFile, loopDevice, noDrives } from './flash/drives.js';
import { flipByte, mebibyte, sh, sparse, usedMedium } from './flash/images.js';

tap.setTimeout(300_000);

const world = new World();
tap.teardown(() => world[Symbol.dispose]());
const at = (name: string): string => join(world.cwd, name);
const imageBytes = 24 * mebibyte;
writeFileSync(at('raw.bin'), randomBytes(imageBytes));
sh('gzip', ['-1', '-k', at('raw.bin')]);
const skip = noDrives() ?? false;

interface Told {
  readonly ended: Ended;
  /** The last JSON line. */
  readonly last: { readonly event: string; readonly error?: { readonly code: string; readonly blame: string } };
  readonly lines: readonly { readonly event: string; readonly phase?: string }[];
}

async function rigFlash(...args: string[]): Promise<Told> {
  const ended = await world.rig(['flash', ...args, '--json']);
  const lines = ended.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Told['last']);
  return { ended, lines, last: lines.at(-1) ?? { event: 'none' } };
}

/** The command ends so, says so for programs and for people, and never that it went well. */
async function fails(t: Test, args: string[], code: string, exitCode: number): Promise<void> {
  const { ended, last } = await rigFlash(...args);
  t.match(last, { event: 'failed', error: { code } }, `${args.join(' ')}: ${code}`);
  t.equal(ended.code, exitCode, `exit code ${exitCode}`);
  t.match(ended.stderr, /^rig: .+\n {5}\S/m, 'a sentence and a hint');
}

tap.test('progress and the end, for programs and for people', async (t: Test) => {
  usedMedium(at('card'), 32 * mebibyte);
  const { ended, lines, last } = await rigFlash('raw.bin', '--drive', 'card', '--yes');
  t.equal(ended.code, 0);
  t.same([...new Set(lines.map(({ phase }) => phase))], ['write', 'sync', 'verify', undefined]);
  t.match(last, { event: 'done', imageBytes, mappedBytes: imageBytes, verified: 'direct', map: 'all' });
  sh('cmp', ['-n', String(imageBytes), at('raw.bin'), at('card')]);
  const plain = await world.rig(['flash', 'raw.bin', '--drive', 'card', '--yes', '--no-verify']);
  t.match(plain.stderr, /WARNING: --no-verify/);
  t.match(plain.stdout, /NOT VERIFIED/);
  t.notMatch((await world.rig(['flash', 'raw.bin', '--drive', 'card', '--yes'])).stdout, /NOT VERIFIED/);
});

tap.test('what a person gives', async (t: Test) => {
  usedMedium(at('card'), 32 * mebibyte);
  await fails(t, ['raw.bin', '--drive', 'card'], 'flash.not-confirmed', 2);
  await fails(t, ['raw.bin'], 'flash.no-drive', 2);
  await fails(t, ['raw.bin', '--drive', 'card', '--yes', '--max-size', 'lots'], 'cli.bad-option', 2);
  await fails(t, ['raw.bin', '--drive', 'card', '--board', 'virt-arm64'], 'cli.bad-option', 2);
  await fails(t, ['raw.bin', '--drive', 'raw.bin', '--yes'], 'cli.bad-option', 2);
  await fails(t, ['none.img', '--drive', 'card', '--yes'], 'flash.image-missing', 2);
  await fails(t, ['raw.bin', '--drive', world.cwd, '--yes'], 'flash.not-a-drive', 2);
  await fails(t, ['raw.bin', '--drive', '/dev/null', '--yes'], 'flash.not-a-drive', 2);
  await fails(t, ['raw.bin', '--drive', 'no/such/folder', '--yes'], 'flash.drive-missing', 2);
  t.equal(readFileSync(at('card'))[0], 0xa5, 'nothing of all that was written');
});

tap.test('media that fail', { skip }, async (t: Test) => {
  const bytes = 32 * mebibyte;
  const offset = 8 * mebibyte;
  const faults = [
    ['a sector that cannot be written', failing('write', { errno: 5, offset }), 'flash.write-failed'],
    ['a sector that cannot be read', failing('read', { errno: 5, offset }), 'flash.read-failed'],
    ['a cache that cannot be flushed', failing('flush', { errno: 5 }), 'flash.write-failed'],
    ['a host disk that is full', failing('write', { errno: 28, offset }), 'flash.disk-full'],
    ['a medium that forgets', { driver: 'null-co', size: bytes, 'read-zeroes': true }, 'flash.read-back-differs'],
  ] as const;
  for (const [what, node, code] of faults) {
    await using file = await faultyFile(world.cwd, { bytes, node });
    await fails(t, ['raw.bin', '--drive', file.path, '--yes'], code, 3);
    using loop = loopDevice(file.path);
    // The loop driver has no word for a full disk: a card that says so is broken.
    const expected = code === 'flash.disk-full' ? 'flash.write-failed' : code;
    await fails(t, ['raw.bin', '--drive', loop.path, '--yes'], expected, 3);
    t.comment(what);
  }
});

tap.test('a medium that vanishes half-way', { skip }, async (t: Test) => {
  const limits = { 'bps-write': 8 * mebibyte, 'bps-read': 1000 * mebibyte };
  const node = { driver: 'throttle', 'throttle-group': 'slow', file: 'below' };
  await using file = await faultyFile(world.cwd, { bytes: 32 * mebibyte, node, limits });
  const running = world.start(['flash', 'raw.bin', '--drive', file.path, '--yes', '--json']);
  await running.sees(/"phase":"write","doneBytes":[1-9]/);
  await file.vanish();
  const { stdout, code } = await running.ended;
  t.match(stdout, /"code":"flash.medium-vanished"/);
  t.equal(code, 3);
});

tap.test('Ctrl-C', { skip }, async (t: Test) => {
  const limits = { 'bps-write': 8 * mebibyte };
  const node = { driver: 'throttle', 'throttle-group': 'slow', file: 'below' };
  await using file = await faultyFile(world.cwd, { bytes: 32 * mebibyte, node, limits });
  const running = world.start(['flash', 'raw.bin', '--drive', file.path, '--yes', '--json']);
  await running.sees(/"phase":"write","doneBytes":[1-9]/);
  running.child.kill('SIGINT');
  const { stdout, stderr, code } = await running.ended;
  t.equal(code, 130);
  t.match(stdout, /"event":"failed","signal":"SIGINT"/);
  t.match(stderr, /holds only a part of the image/);
  t.same(world.processes(), [], 'nothing is left running');
});

tap.test('a full disk', { skip }, async (t: Test) => {
  sparse(at('small-disk'), 16 * mebibyte);
  sh('mke2fs', ['-q', '-t', 'ext4', at('small-disk')]);
  using loop = loopDevice(at('small-disk'));
  mkdirSync(at('mounted'));
  sh('mount', [loop.path, at('mounted')]);
  try {
    await fails(t, ['raw.bin', '--drive', 'mounted/copy', '--yes'], 'flash.disk-full', 3);
    t.notOk(existsSync(at('mounted/copy')), 'and no half of an image is left');
  } finally {
    sh('umount', [at('mounted')]);
  }
});

tap.test('a medium that lies about one byte', async (t: Test) => {
  usedMedium(at('card'), 32 * mebibyte);
  const phases: FlashPhase[] = [];
  const progress = new FlashProgress((phase) => {
    phases.push(phase);
    // Behind the back of the writer, as a worn-out cell does it.
    if (phase === 'verify') flipByte(at('card'), 5 * mebibyte + 123);
  });
  await using source = await FileSource.open(at('raw.bin'), 'raw.bin');
  await using medium = await Medium.open(at('card'));
  await t.rejects(flash(source, medium, { progress }), {
    code: 'flash.read-back-differs',
    blame: 'rig',
    evidence: { start: 0, end: 16 * mebibyte },
  });
  t.same(phases, ['write', 'sync', 'verify'], 'it was never done');
});

tap.test('drives of this machine', { skip }, async (t: Test) => {
  sparse(at('disk'), 48 * mebibyte);
  sh('sfdisk', ['-q', at('disk')], 'label: gpt\nsize=16M\nsize=16M\n');
  using loop = loopDevice(at('disk'));
  await fails(t, ['raw.bin', '--drive', loop.path], 'flash.not-confirmed', 2);
  await fails(t, ['raw.bin', '--drive', 'disk', '--yes'], 'flash.refused-drive', 2);
  await fails(t, ['raw.bin', '--drive', loop.path, '--yes', '--max-size', '10M'], 'flash.refused-drive', 2);
  await fails(t, ['raw.bin', '--drive', loop.path, '--yes', '--serial', 'X1'], 'flash.other-serial', 2);

  sh('mke2fs', ['-q', '-F', loop.path]);
  mkdirSync(at('mount'));
  sh('mount', [loop.path, at('mount')]);
  try {
    await fails(t, ['raw.bin', '--drive', loop.path, '--yes'], 'flash.refused-drive', 2);
    await t.rejects(Medium.open(loop.path), { code: 'flash.drive-busy' }, 'and the kernel refuses it too');
  } finally {
    sh('umount', [at('mount')]);
  }
  sh('mkswap', [loop.path]);
  await fails(t, ['raw.bin', '--drive', loop.path, '--yes'], 'flash.refused-drive', 2);
  sh('wipefs', ['-qa', loop.path]);

  const chosen = await driveAt(loop.path, readBlockDevices);
  flipByte(at('disk'), 100);
  sh('blockdev', ['--flushbufs', loop.path]);
  t.throws(() => assertSameDrive(chosen, { ...chosen, fingerprint: { ...chosen.fingerprint, sequence: '0' } }), {
    code: 'flash.drive-changed',
  });
  const now = await driveAt(loop.path, readBlockDevices);
  t.throws(() => assertSameDrive(chosen, now), { code: 'flash.drive-changed', evidence: { changed: ['beginning'] } });

  const { last } = await rigFlash('raw.bin', '--drive', loop.path, '--yes');
  t.match(last, { event: 'done', verified: 'direct' });
  sh('cmp', ['-n', String(imageBytes), at('raw.bin'), loop.path]);
  const small = at('small');
  sparse(small, 4 * mebibyte);
  using little = loopDevice(small);
  await fails(t, ['raw.bin', '--drive', little.path, '--yes'], 'flash.image-too-large', 2);
  await fails(t, ['raw.bin.gz', '--drive', little.path, '--yes'], 'flash.image-too-large', 2);
});

tap.test('drives that this machine has not', async (t: Test) => {
  const device = (over: Partial<BlockDevice>): BlockDevice => ({
    ...{ path: '/dev/none', kname: 'none', 'maj:min': '8:16', size: 32 * 2 ** 30, type: 'disk' },
    ...{ rm: true, hotplug: true, ro: false, model: 'Card', vendor: 'Maker', serial: 'S1', wwn: null },
    ...{ tran: 'usb', fstype: null, label: null, mountpoints: [null] },
    ...over,
  });
  const part = (over: Partial<BlockDevice>): BlockDevice => device({ type: 'part', path: '/dev/none1', ...over });
  const refused: Readonly<Record<string, [BlockDevice, RegExp]>> = {
    mounted: [device({ children: [part({ mountpoints: ['/media/a'] })] }), /\/dev\/none1 is mounted on \/media\/a/],
    root: [device({ children: [part({ mountpoints: ['/boot', '/'] })] }), /root of this host/],
    swap: [device({ children: [part({ mountpoints: ['[SWAP]'] })] }), /swaps/],
    'idle swap': [device({ children: [part({ fstype: 'swap' })] }), /holds swap/],
    LVM: [device({ children: [part({ fstype: 'LVM2_member' })] }), /holds LVM/],
    RAID: [device({ fstype: 'linux_raid_member' }), /holds RAID/],
    'a volume deep down': [
      device({ children: [part({ children: [device({ type: 'crypt', children: [device({ type: 'lvm', mountpoints: ['/'] })] })] })] }),
      /root of this host/,
    ],
    'an array': [device({ children: [device({ type: 'raid1', path: '/dev/md0' })] }), /is made of it/],
    'too large': [device({ size: 2 ** 40 }), /more than --max-size/],
    'write-protected': [device({ ro: true }), /write-protected/],
  };
  for (const [what, [fake, why]] of Object.entries(refused)) {
    const drive = await driveAt('/dev/null', async () => [fake]);
    const rules = { maxBytes: defaultMaxBytes };
    t.throws(() => assertMayWrite(drive, rules), { code: 'flash.refused-drive', blame: 'config', message: why }, what);
    const named = (): void => assertMayWrite(drive, { ...rules, serial: 'S1' });
    if (what === 'write-protected') t.throws(named, { code: 'flash.refused-drive' }, `${what}, named by its serial number`);
    else t.doesNotThrow(named, `${what}, named by its serial number`);
    t.throws(() => assertMayWrite(drive, { ...rules, serial: 'S2' }), { code: 'flash.other-serial' });
    const own = (): void => assertMayWrite(drive, { maxBytes: Number.POSITIVE_INFINITY, ownPort: true });
    if (['idle swap', 'LVM', 'RAID', 'too large'].includes(what)) t.doesNotThrow(own, `${what}, at the port of a mux`);
    else t.throws(own, { code: 'flash.refused-drive' }, `${what}, at the port of a mux`);
  }
  await t.rejects(driveAt('/dev/null', async () => [part({})]), { code: 'flash.not-a-drive', message: /a partition/ });
  await t.rejects(driveAt('/dev/null', async () => []), { code: 'flash.not-a-drive' });

  const all = [
    device({ path: '/dev/stick' }),
    device({ path: '/dev/inside', rm: false, hotplug: false, tran: 'sata' }),
    device({ path: '/dev/empty-reader', size: 0 }),
    device({ path: '/dev/card', kname: 'mmcblk0', rm: false, hotplug: false, tran: null }),
    device({ path: '/dev/card-boot', kname: 'mmcblk0boot0', rm: false, hotplug: false, tran: null }),
    device({ path: '/dev/dvd', type: 'rom' }),
  ];
  const listed = await removableDrives(async () => all);
  t.same(listed.map(({ path }) => path), ['/dev/stick', '/dev/card']);
  const [stick] = listed;
  for (const over of [{ size: 5 }, { serial: 'S2' }, { 'maj:min': '8:32' }, { wwn: 'w' }, { model: 'Other' }]) {
    const [other] = await removableDrives(async () => [device({ path: '/dev/stick', ...over })]);
    if (stick && other) t.throws(() => assertSameDrive(stick, other), { code: 'flash.drive-changed' }, JSON.stringify(over));
  }
});

tap.test('memory does not grow with the image', async (t: Test) => {
  const peak = (megabytes: number): number => {
    const fd = openSync(at('large'), 'w');
    for (let at = 0; at < megabytes; at += 8) writeSync(fd, Buffer.alloc(8 * mebibyte, at));
    closeSync(fd);
    const script = `
      import { readFileSync } from 'node:fs';
      process.argv.push('flash', '-', '--drive', ${JSON.stringify(at('out'))}, '--yes', '--json');
      process.on('exit', () => console.error('PEAK ' + /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status'))[1]));
      await import(${JSON.stringify(new URL('../rig/cli/main.js', import.meta.url).href)});`;
    const input = openSync(at('large'), 'r');
    const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script, 'rig'], {
      stdio: [input, 'ignore', 'pipe'],
      encoding: 'utf8',
    });
    closeSync(input);
    t.equal(statSync(at('out')).size, megabytes * mebibyte);
    sh('rm', [at('out')]);
    return Number(/PEAK (\d+)/.exec(stderr)?.[1]) / 1024;
  };
  const [small, large] = [peak(32), peak(320)];
  t.ok(large - small < 40, `${small} MiB at the most for 32 MiB, ${large} for ten times as much`);
});

tap.test('a board', async (t: Test) => {
  writeFileSync(at('broken.img.gz'), Buffer.from('1f8b0800', 'hex'));
  await fails(t, ['broken.img.gz', '--board', 'virt-arm64'], 'flash.image-truncated', 2);
  await fails(t, ['raw.bin', '--board', 'none'], 'config.unknown-board', 2);
  t.same(world.processes(), [], 'a session that was started for it is gone');

  const { last } = await rigFlash('raw.bin', '--board', 'virt-arm64');
  t.match(last, { event: 'done', place: 'virt-arm64', verified: 'direct' });
  const sha256 = sh('sha256sum', [at('raw.bin')]).split(' ')[0] ?? '';
  t.match(await mediumOf('virt-arm64'), { kind: 'image', sha256 });
  t.match((await rigFlash('raw.bin', '--board', 'virt-arm64', '--delta')).last, { writtenBytes: 0 });
  t.match((await rigFlash('raw.bin.gz', '--board', 'virt-arm64')).last, { event: 'done', sha256 });
  t.match(await mediumOf('virt-arm64'), { kind: 'image', sha256 }, 'also of an image that comes packed');

  writeFileSync(at('cut.bin.gz'), readFileSync(at('raw.bin.gz')).subarray(0, 5 * mebibyte));
  await fails(t, ['cut.bin.gz', '--board', 'virt-arm64'], 'flash.image-truncated', 2);
  t.match(await mediumOf('virt-arm64'), { kind: 'unknown' }, 'nobody takes half an image for one');
  t.equal((await world.rig(['down', 'virt-arm64'])).code, 0);
  t.same(world.processes(), []);
});

/** What the board's session says of its medium. */
async function mediumOf(board: string): Promise<MediumState | undefined> {
  const env = { XDG_RUNTIME_DIR: join(world.root, 'run'), XDG_STATE_HOME: world.state };
  await using session = await attachSession(board, { purpose: 'test', roots: sessionRoots(env) });
  return session?.capabilities.storage?.state();
}
