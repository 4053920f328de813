import type { AddTest, TestContext } from '../../rig/mod.js';
import { type Layout, readLayout } from '../board/layout.js';
import { promised } from '../board/promised.js';
import { fatStateAt } from '../facts/filesystem.js';
import { logsCommand } from '../facts/logs.js';
import { mountAt } from '../facts/mounts.js';

type Partition = Layout['disk']['partitions'][number];

export function repairTests(test: AddTest): void {
  test('partitions that were marked dirty are clean after the next boot', {
    dirties: 'disk',
    tier: 'nightly',
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    await promised(t, 'repair');
    const mounted = Object.values(t.board.profile.mounts);
    const read = async () => {
      const { disk, mounts } = await readLayout(t, t.board);
      return disk.partitions.filter(({ device }) =>
        mounted.some((point) => mountAt(mounts, point)?.device === device),
      );
    };
    const before = await t.step('Read their state', read);
    t.require(before.length > 0, 'partitions are mounted');
    t.same(unclean(before), [], 'all are clean');
    await t.step('Mark all of them as dirty', () =>
      t.board.shell.text([...before.map(markCommand), 'sync'].join(' && ')),
    );
    t.same(
      unclean(await read()).sort(),
      before.map(({ label }) => label).sort(),
      'all are seen to be dirty, so that clean means something',
    );
    await t.step('Cut the power and boot', async () => {
      await t.board.power.cycle();
      await t.board.boot();
    });
    const after = await t.step('Read their state again', read);
    t.same(
      after.map(({ label }) => label),
      before.map(({ label }) => label),
      'the same partitions are mounted',
    );
    t.same(unclean(after), [], 'all are clean again');
    t.notMatch(
      await t.board.shell.text(logsCommand),
      /mounting fs with errors|was not properly unmounted/i,
      'none was mounted before it was repaired',
    );
  });
}

function unclean(partitions: readonly Partition[]): string[] {
  return partitions.filter(({ filesystem }) => filesystem.isClean !== true).map(({ label }) => label);
}

/** As a system leaves them that dies while it writes, or finds errors. */
function markCommand({ name, filesystem }: Partition): string {
  const device = `/dev/${name}`;
  if (filesystem.type !== 'vfat') return `tune2fs -E force_fsck ${device} >/dev/null`;
  const { fat16, fat32 } = fatStateAt;
  return [
    `at=${fat16}`,
    `if [ "$(dd if=${device} bs=1 skip=82 count=5 2>/dev/null)" = FAT32 ]; then at=${fat32}; fi`,
    `printf '\\001' | dd of=${device} bs=1 seek=$at conv=notrunc 2>/dev/null`,
  ].join('; ');
}
