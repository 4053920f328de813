import type { Mutation } from './mutation.js';

const scripts = '/usr/lib/boardrig';
const boot = `${scripts}/boot.sh`;
const partitions = 'boot/has the promised partitions, types and labels';
const state = 'boot/state survives a reboot, tmpfs does not';
const powerCut = 'boot/a power cut gives a new boot id and keeps what was synced';
const stages = 'boot/boots through every stage in order';

/** Where the boot's work is done and only its last words are missing. */
const end = 'touch /run/ready';

export const systemMutations: readonly Mutation[] = [
  {
    name: 'nothing',
    breaks: 'nothing: every test must pass',
    apply: async () => {},
    fails: {},
  },
  {
    name: 'partition-name',
    breaks: 'the data partition is called otherwise in the partition table',
    apply: (image) => image.renamePartition('resin-data', 'resin-date'),
    fails: {
      [partitions]: /the disk has these partitions and no others/,
      'boot/the data partition has grown to fill the medium': /there is a partition resin-data/,
      [state]: /the mark in \/mnt\/data is still there/,
    },
  },
  {
    name: 'filesystem-label',
    breaks: 'the file system of state has another label',
    apply: (image) => image.relabelFilesystem('resin-state', 'resin-stat'),
    fails: { [partitions]: /the file system on resin-state has its label/ },
  },
  {
    name: 'partition-type',
    breaks: 'state has the partition type of swap',
    select: { tier: 'smoke', only: /^boot\/(boots|has|the)/ },
    apply: (image) => image.setPartitionType('resin-state', '0657FD6D-A4AB-43C4-84E5-0933C84B4F4F'),
    fails: { [partitions]: /resin-state has its partition type in the table/ },
  },
  {
    name: 'second-root',
    breaks: 'the bootloader takes the second root, which holds the same system',
    select: { tier: 'smoke', only: /^boot\// },
    apply: async (image) => {
      await image.copyPartition('resin-rootA', 'resin-rootB');
      await image.relabelFilesystem('resin-rootB', 'resin-rootB');
      await image.editBootScript(/(?=echo "boardrig: bootloader slot=)/, 'setenv slot B; ');
    },
    fails: { 'boot/boots from the expected partition': /the root is on the first root partition/ },
  },
  {
    name: 'less-memory',
    breaks: 'the kernel is told to use a part of the memory',
    select: { tier: 'smoke', only: /^boot\// },
    apply: (image) => image.editBootScript('setenv bootargs root=', 'setenv bootargs mem=160M root='),
    fails: {
      'boot/has the processors, memory, disk, network and LEDs of its type':
        /and no less than what is left of them/,
    },
  },
  {
    name: 'writable-root',
    breaks: 'the root is mounted writable',
    apply: (image) => image.editRoot(boot, end, `mount -o remount,rw /\n${end}`),
    fails: { 'boot/the root is read-only and refuses a write': /the root is mounted read-only \(and 3 more/ },
  },
  {
    name: 'silent-bootloader',
    breaks: 'the bootloader says nothing',
    select: { tier: 'smoke', only: /^boot\// },
    apply: (image) => image.editBootScript(/echo "boardrig: bootloader slot=[^"]*"/, 'true'),
    fails: {
      [stages]: /the stages were seen once each, in order/,
      [powerCut]: /the stages were seen once each, in order/,
    },
  },
  {
    name: 'hung-init',
    breaks: 'the boot hangs after its first words',
    select: { tier: 'smoke', only: /^boot\/(boots|the root)/ },
    shellBudget: '25s',
    apply: (image) =>
      image.editRoot(boot, 'mount -t tmpfs -o nosuid,nodev,mode=0755 run /run', 'while :; do sleep 60; done'),
    fails: {
      [stages]: /had no shell within \d+ ms; the last stage seen was init/,
      'boot/boots from the expected partition': /had no shell within \d+ ms; the last stage seen was init/,
    },
    blocks: ['boot/the root is read-only and refuses a write'],
  },
  {
    name: 'no-growth',
    breaks: 'the data partition stays as small as in the image',
    apply: (image) => image.editRoot(boot, `${scripts}/grow.sh`, ':'),
    fails: {
      'boot/the data partition has grown to fill the medium': /bytes behind the partition are at most/,
    },
  },
  {
    name: 'partition-grown-alone',
    breaks: 'the data partition grows, its file system does not',
    select: { tier: 'smoke', only: /^boot\/(boots|the)/ },
    apply: (image) => image.editRoot(`${scripts}/grow.sh`, 'if resize2fs "$part"', 'if true'),
    fails: {
      'boot/the data partition has grown to fill the medium': /bytes behind the file system are at most/,
    },
  },
  {
    name: 'os-release-field',
    breaks: 'os-release lacks the field SLUG',
    apply: (image) => image.editRoot('/etc/os-release', /^SLUG=.*\n/m, ''),
    fails: { 'boot/os-release names the system': /SLUG is there/ },
  },
  {
    name: 'frozen-uptime',
    breaks: '/proc/uptime stands still',
    apply: (image) =>
      image.editRoot(
        boot,
        end,
        `echo '0.50 0.30' >/run/uptime\nmount -o bind /run/uptime /proc/uptime\n${end}`,
      ),
    fails: { 'boot/uptime runs as fast as time': /it moved on by 0 ms/ },
  },
  {
    name: 'clock-not-set',
    breaks: 'the clock begins in 2001',
    apply: (image) => image.editRoot(boot, end, `date -u -s @978307200\n${end}`),
    fails: { 'boot/the clock is right': /The clock comes within 10 s of the host's/ },
  },
  {
    name: 'kernel-warning',
    breaks: 'the kernel log has a warning',
    apply: (image) => image.editRoot(boot, end, `echo '<4>planted: something is odd' >/dev/kmsg\n${end}`),
    fails: { 'boot/the kernel log has no warning': /no line at warning level or above/ },
  },
  {
    name: 'kept-tmp',
    breaks: '/tmp lies on the state partition',
    apply: (image) =>
      image.editRoot(boot, end, `mkdir -p -m 1777 /mnt/state/tmp\nmount -o bind /mnt/state/tmp /tmp\n${end}`),
    fails: { [state]: /the mark in \/tmp is gone/ },
  },
  {
    name: 'state-in-memory',
    breaks: 'state is memory instead of its partition',
    apply: (image) =>
      image.editRoot(
        boot,
        /^mount_part resin-state .*$/m,
        'mount -t tmpfs -o nosuid,nodev,mode=0755 state /mnt/state',
      ),
    fails: {
      [partitions]: /\/mnt\/state shows a promised partition/,
      [state]: /the mark in \/mnt\/state is still there/,
      [powerCut]: /what was synced to \/mnt\/state is still there/,
    },
  },
  {
    name: 'same-boot-id',
    breaks: 'the boot id is read from state and never changes',
    select: { tier: 'pr', only: /^boot\/(boots through|state|the boot id|a power cut)/ },
    apply: (image) =>
      image.editRoot(
        boot,
        end,
        `id=/proc/sys/kernel/random/boot_id\n[ -s /mnt/state/id ] || cat $id >/mnt/state/id; sync\nmount -o bind /mnt/state/id $id\n${end}`,
      ),
    fails: {
      [state]: /did not reboot: its boot id is still/,
      'boot/the boot id changes over a reboot': /did not reboot: its boot id is still/,
      [powerCut]: /the boot id is another one/,
    },
  },
  {
    name: 'fourth-boot-hangs',
    breaks: 'the system hangs when it boots for the fourth time',
    select: { tier: 'pr', only: /power cuts in a row/ },
    shellBudget: '25s',
    apply: (image) =>
      image.editRoot(
        boot,
        `${scripts}/identity.sh`,
        `echo x >>/mnt/state/count; sync\n[ "$(wc -l </mnt/state/count)" -lt 4 ] || while :; do sleep 60; done\n${scripts}/identity.sh`,
      ),
    fails: {
      'boot/boots after each of 4 power cuts in a row':
        /^Cut 3 of 4: .* had no shell within \d+ ms; the last stage seen was init/,
    },
  },
];
