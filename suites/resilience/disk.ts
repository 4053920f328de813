import type { AddTest, TestContext } from '../../rig/mod.js';
import { assertPromisedMounts, readLayout } from '../board/layout.js';
import { filesystemOf, Marks } from '../board/marks.js';
import { promised } from '../board/promised.js';
import { superblockCopiesMiB } from '../facts/filesystem.js';
import { logsCommand } from '../facts/logs.js';
import { mountAt } from '../facts/mounts.js';
import { quoted } from '../facts/sections.js';

/** Superblock, group descriptors, first inodes. */
const destroyedMiB = 4;
const copyKib = 64;

export function diskTests(test: AddTest): void {
  test('boots with a corrupt data partition', {
    dirties: 'disk',
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    const { report } = await promised(t, 'substitute');
    const { data } = t.board.profile.mounts;
    const { mounts, disk } = await readLayout(t, t.board);
    const partition = disk.partitions.find(({ device }) => device === mountAt(mounts, data)?.device);
    t.require(partition, `${data} shows a partition`);
    await t.step('Write noise over it and cut the power', async () => {
      const copies = superblockCopiesMiB(partition.sizeBytes / 2 ** 20);
      t.require(copies.length > 0, 'the partition is large enough to be destroyed');
      // Not `sync`, which asks the destroyed file system, still mounted, to be written: it may never answer.
      const noise = `dd if=/dev/urandom of=/dev/${partition.name} conv=notrunc,fsync 2>/dev/null`;
      await t.board.shell.text(
        `${noise} bs=1M count=${destroyedMiB}; for at in ${copies.join(' ')}; do ${noise} bs=${copyKib}k count=1 seek=$((at * ${1024 / copyKib})) || exit; done`,
        { timeoutMs: 120_000 },
      );
      await t.board.power.cycle();
    });
    await t.step('Boot', () => t.board.boot());
    const after = await t.step('Look at the mounts', () => readLayout(t, t.board));
    assertPromisedMounts(t, after, { but: [data] });
    t.equal(filesystemOf(after.mounts, data), 'tmpfs', `memory takes the place of ${data}`);
    t.match(await t.board.shell.text(logsCommand), new RegExp(report), 'the log tells of it');
  });

  test('boots with a full state partition', {
    dirties: 'disk',
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    const { state } = t.board.profile.mounts;
    const filler = quoted(`${state}/rig-filler`);
    const machineId = () => t.board.shell.text('cat /etc/machine-id');
    const before = await machineId();
    await t.step('Fill it to the last byte', async () => {
      await t.board.shell.run(`dd if=/dev/zero of=${filler} bs=64k; cat /dev/zero >>${filler}; sync`, {
        timeoutMs: 120_000,
      });
      const free = await t.board.shell.run(`echo more >${filler}.more; [ -s ${filler}.more ]`);
      t.not(free.exitCode, 0, 'nothing more can be written');
    });
    await t.step('Reboot', () => t.board.reboot());
    assertPromisedMounts(t, await readLayout(t, t.board));
    t.equal(await machineId(), before, 'the board is who it was');
    await t.step('Make room', () => t.board.shell.text(`rm -f ${filler} ${filler}.more; sync`));
    const marks = new Marks(t, [state]);
    await t.step('Write to it', () => marks.write(t, t.board.shell));
  });

  test('a power cut in the middle of writing leaves sound file systems', {
    dirties: 'disk',
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    const { state, data } = t.board.profile.mounts;
    const kept = new Marks(t, [state, data]);
    await t.step('Write what must stay', async () => {
      await kept.write(t, t.board.shell);
      await t.board.shell.text('sync');
    });
    await t.step('Cut the power while files come and go', async () => {
      const busy = [state, data].map(
        (folder) =>
          `( i=0; while :; do head -c 20000 /dev/urandom >${quoted(folder)}/rig-$((i % 50)); rm -f ${quoted(folder)}/rig-$(((i + 25) % 50)); i=$((i + 1)); done ) </dev/null >/dev/null 2>&1 &`,
      );
      await t.board.shell.text(`${busy.join('\n')}\nsleep 2; ls ${quoted(state)} | grep -q '^rig-'`);
      await t.board.power.cycle();
    });
    await t.step('Boot', () => t.board.boot());
    const layout = await readLayout(t, t.board);
    assertPromisedMounts(t, layout);
    const unclean = layout.disk.partitions.filter(({ filesystem }) => filesystem.isClean === false);
    t.same(
      unclean.map(({ label }) => label),
      [],
      'no file system is known to hold errors',
    );
    const { present } = await t.step('Look for what was synced', () => kept.read(t.board.shell));
    t.same(present, [state, data], 'it is still there');
  });
}
