// test: light
// What `rig flash` must not write: drives in use, drives that changed, what nobody confirmed. Loop devices, and answers of lsblk
// that this machine cannot give.
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import tap, { type Test } from 'tap';
import { type BlockDevice, readBlockDevices } from '../rig/flash/drive/block-devices.js';
import { driveAt, removableDrives } from '../rig/flash/drive/drive.js';
import { assertMayWrite, assertSameDrive, defaultMaxBytes } from '../rig/flash/drive/safety.js';
import { Medium } from '../rig/flash/medium/medium.js';
import { FlashWorld } from './flash/command.js';
import { loopDevice, noDrives } from './flash/drives.js';
import { flipByte, mebibyte, sh, sparse, usedMedium } from './flash/images.js';

tap.setTimeout(300_000);

const world = new FlashWorld();
tap.teardown(() => world[Symbol.dispose]());
const at = (name: string): string => world.at(name);
const imageBytes = 24 * mebibyte;
writeFileSync(at('raw.bin'), randomBytes(imageBytes));
sh('gzip', ['-1', '-k', at('raw.bin')]);
const original = readFileSync(at('raw.bin')).readUInt8(100);
const skip = noDrives() ?? false;

tap.test('what a person gives', async (t: Test) => {
  usedMedium(at('card'), 32 * mebibyte);
  await world.fails(t, ['raw.bin', '--drive', 'card'], 'flash.not-confirmed', 2);
  await world.fails(t, ['raw.bin'], 'flash.no-drive', 2);
  await world.fails(t, ['raw.bin', '--drive', 'card', '--yes', '--max-size', 'lots'], 'cli.bad-option', 2);
  await world.fails(t, ['raw.bin', '--drive', 'card', '--board', 'virt-arm64'], 'cli.bad-option', 2);
  await world.fails(t, ['raw.bin', '--drive', 'raw.bin', '--yes'], 'cli.bad-option', 2);
  await world.fails(t, ['none.img', '--drive', 'card', '--yes'], 'flash.image-missing', 2);
  await world.fails(t, ['raw.bin', '--drive', world.cwd, '--yes'], 'flash.not-a-drive', 2);
  await world.fails(t, ['raw.bin', '--drive', '/dev/null', '--yes'], 'flash.not-a-drive', 2);
  await world.fails(t, ['raw.bin', '--drive', 'no/such/folder', '--yes'], 'flash.drive-missing', 2);
  t.equal(readFileSync(at('card'))[0], 0xa5, 'nothing of all that was written');
});

tap.test('a question at a terminal', async (t: Test) => {
  const answers = [
    { keys: 'y\n', code: 0, said: /read back and right/ },
    { keys: 'n\n', code: 2, said: /Nothing was written: the answer was "n"/ },
    { keys: '\x04', code: 2, said: /Nothing was written/ },
    { keys: '\x03', code: 130, said: /Overwrite the file/ },
  ];
  for (const { keys, code, said } of answers) {
    usedMedium(at('card'), 32 * mebibyte);
    const { status, output } = world.atTerminal(['flash', 'raw.bin', '--drive', 'card'], keys);
    t.equal(status, code, JSON.stringify(keys));
    t.match(output, said);
    t.equal(readFileSync(at('card')).readUInt8(100) === 0xa5, code !== 0 || original === 0xa5);
  }
});

tap.test('drives of this machine', { skip }, async (t: Test) => {
  sparse(at('disk'), 48 * mebibyte);
  sh('sfdisk', ['-q', at('disk')], 'label: gpt\nsize=16M\nsize=16M\n');
  using loop = loopDevice(at('disk'));
  await world.fails(t, ['raw.bin', '--drive', loop.path], 'flash.not-confirmed', 2);
  await world.fails(t, ['raw.bin', '--drive', 'disk', '--yes'], 'flash.refused-drive', 2);
  await world.fails(
    t,
    ['raw.bin', '--drive', loop.path, '--yes', '--max-size', '10M'],
    'flash.refused-drive',
    2,
  );
  await world.fails(t, ['raw.bin', '--drive', loop.path, '--yes', '--serial', 'X1'], 'flash.other-serial', 2);

  sh('mke2fs', ['-q', '-F', loop.path]);
  mkdirSync(at('mount'));
  sh('mount', [loop.path, at('mount')]);
  try {
    await world.fails(t, ['raw.bin', '--drive', loop.path, '--yes'], 'flash.refused-drive', 2);
    await t.rejects(Medium.open(loop.path), { code: 'flash.drive-busy' }, 'and the kernel refuses it too');
  } finally {
    sh('umount', [at('mount')]);
  }
  sh('mkswap', [loop.path]);
  await world.fails(t, ['raw.bin', '--drive', loop.path, '--yes'], 'flash.refused-drive', 2);
  sh('wipefs', ['-qa', loop.path]);

  const chosen = await driveAt(loop.path, readBlockDevices);
  flipByte(at('disk'), 100);
  sh('blockdev', ['--flushbufs', loop.path]);
  t.throws(
    () => assertSameDrive(chosen, { ...chosen, fingerprint: { ...chosen.fingerprint, sequence: '0' } }),
    {
      code: 'flash.drive-changed',
    },
  );
  const now = await driveAt(loop.path, readBlockDevices);
  t.throws(() => assertSameDrive(chosen, now), {
    code: 'flash.drive-changed',
    evidence: { changed: ['beginning'] },
  });

  const { last } = await world.flash('raw.bin', '--drive', loop.path, '--yes');
  t.match(last, { event: 'done', verified: 'direct' });
  sh('cmp', ['-n', String(imageBytes), at('raw.bin'), loop.path]);
  const small = at('small');
  sparse(small, 4 * mebibyte);
  using little = loopDevice(small);
  await world.fails(t, ['raw.bin', '--drive', little.path, '--yes'], 'flash.image-too-large', 2);
  await world.fails(t, ['raw.bin.gz', '--drive', little.path, '--yes'], 'flash.image-too-large', 2);
});

tap.test('removable drives, listed and picked', { skip }, async (t: Test) => {
  for (const name of ['stick', 'camera']) sparse(at(name), 32 * mebibyte);
  using stick = loopDevice(at('stick'));
  using camera = loopDevice(at('camera'));
  sh('mke2fs', ['-q', '-F', camera.path]);
  mkdirSync(at('photos'));
  sh('mount', [camera.path, at('photos')]);
  // What lsblk says of these two, as if they hung on USB.
  mkdirSync(at('plugged'));
  const lsblk = `#!/bin/sh
case " $* " in *" -- "*) ;; *) set -- "$@" ${stick.path} ${camera.path} ;; esac
${sh('which', ['lsblk']).trim()} "$@" | sed -E 's/"type": *"loop"/"type":"disk"/; s/"rm": *false/"rm":true/; s/"model": *null/"model":"Stick"/'
`;
  writeFileSync(at('plugged/lsblk'), lsblk, { mode: 0o755 });
  const env = { PATH: `${at('plugged')}:${process.env.PATH}` };
  const pick = (keys: string, meanwhile?: string) =>
    world.atTerminal(['flash', 'raw.bin'], keys, { env, ...(meanwhile ? { meanwhile } : {}) });
  try {
    for (const keys of ['2\n', '\n', 'y\n'])
      t.equal(pick(keys).status, 2, `answered ${JSON.stringify(keys)}`);
    const changed = pick(
      '1\n',
      `printf x | dd of=${stick.path} bs=1 seek=100 conv=notrunc,fsync status=none`,
    );
    t.match(changed.output, /is not the medium any more that was chosen: beginning changed/);
    t.equal(changed.status, 2);
    t.equal(readFileSync(at('stick')).readUInt8(101), 0, 'nothing was written');
    const { status, output } = pick('1\n');
    t.match(output, `1) ${stick.path} (Stick, 32 MiB, nothing mounted)`);
    t.match(output, ` - ${camera.path} (Stick, 32 MiB, mounted: ${at('photos')})`);
    t.match(output, `not to be written: ${camera.path} is mounted on ${at('photos')}`);
    t.match(output, 'read back and right');
    t.equal(status, 0);
    sh('cmp', ['-n', String(imageBytes), at('raw.bin'), stick.path]);
  } finally {
    sh('umount', [at('photos')]);
  }
});

tap.test('drives that this machine has not', async (t: Test) => {
  const device = (over: Partial<BlockDevice>): BlockDevice => ({
    ...{ path: '/dev/none', kname: 'none', 'maj:min': '8:16', size: 32 * 2 ** 30, type: 'disk' },
    ...{ rm: true, hotplug: true, ro: false, model: 'Card', vendor: 'Maker', serial: 'S1', wwn: null },
    ...{ tran: 'usb', fstype: null, label: null, mountpoints: [null] },
    ...over,
  });
  const part = (over: Partial<BlockDevice>): BlockDevice =>
    device({ type: 'part', path: '/dev/none1', ...over });
  const refused: Readonly<Record<string, [BlockDevice, RegExp]>> = {
    mounted: [
      device({ children: [part({ mountpoints: ['/media/a'] })] }),
      /\/dev\/none1 is mounted on \/media\/a/,
    ],
    root: [device({ children: [part({ mountpoints: ['/boot', '/'] })] }), /root of this host/],
    swap: [device({ children: [part({ mountpoints: ['[SWAP]'] })] }), /swaps/],
    'idle swap': [device({ children: [part({ fstype: 'swap' })] }), /holds swap/],
    LVM: [device({ children: [part({ fstype: 'LVM2_member' })] }), /holds LVM/],
    RAID: [device({ fstype: 'linux_raid_member' }), /holds RAID/],
    'a volume deep down': [
      device({
        children: [
          part({
            children: [device({ type: 'crypt', children: [device({ type: 'lvm', mountpoints: ['/'] })] })],
          }),
        ],
      }),
      /root of this host/,
    ],
    'an array': [device({ children: [device({ type: 'raid1', path: '/dev/md0' })] }), /is made of it/],
    'too large': [device({ size: 2 ** 40 }), /more than --max-size/],
    'write-protected': [device({ ro: true }), /write-protected/],
  };
  for (const [what, [fake, why]] of Object.entries(refused)) {
    const drive = await driveAt('/dev/null', async () => [fake]);
    const rules = { maxBytes: defaultMaxBytes };
    t.throws(
      () => assertMayWrite(drive, rules),
      { code: 'flash.refused-drive', blame: 'config', message: why },
      what,
    );
    const named = (): void => assertMayWrite(drive, { ...rules, serial: 'S1' });
    if (what === 'write-protected')
      t.throws(named, { code: 'flash.refused-drive' }, `${what}, named by its serial number`);
    else t.doesNotThrow(named, `${what}, named by its serial number`);
    t.throws(() => assertMayWrite(drive, { ...rules, serial: 'S2' }), { code: 'flash.other-serial' });
    const own = (): void => assertMayWrite(drive, { maxBytes: Number.POSITIVE_INFINITY, ownPort: true });
    if (['idle swap', 'LVM', 'RAID', 'too large'].includes(what))
      t.doesNotThrow(own, `${what}, at the port of a mux`);
    else t.throws(own, { code: 'flash.refused-drive' }, `${what}, at the port of a mux`);
  }
  await t.rejects(
    driveAt('/dev/null', async () => [part({})]),
    { code: 'flash.not-a-drive', message: /a partition/ },
  );
  await t.rejects(
    driveAt('/dev/null', async () => []),
    { code: 'flash.not-a-drive' },
  );

  const all = [
    device({ path: '/dev/stick' }),
    device({ path: '/dev/inside', rm: false, hotplug: false, tran: 'sata' }),
    device({ path: '/dev/empty-reader', size: 0 }),
    device({ path: '/dev/card', kname: 'mmcblk0', rm: false, hotplug: false, tran: null }),
    device({ path: '/dev/card-boot', kname: 'mmcblk0boot0', rm: false, hotplug: false, tran: null }),
    device({ path: '/dev/dvd', type: 'rom' }),
  ];
  const listed = await removableDrives(async () => all);
  t.same(
    listed.map(({ path }) => path),
    ['/dev/stick', '/dev/card'],
  );
  const [stick] = listed;
  for (const over of [
    { size: 5 },
    { serial: 'S2' },
    { 'maj:min': '8:32' },
    { wwn: 'w' },
    { model: 'Other' },
  ]) {
    const [other] = await removableDrives(async () => [device({ path: '/dev/stick', ...over })]);
    if (stick && other)
      t.throws(() => assertSameDrive(stick, other), { code: 'flash.drive-changed' }, JSON.stringify(over));
  }
});
