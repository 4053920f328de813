import type { AddTest, TestContext } from '../../rig/mod.js';
import { readLayout } from '../board/layout.js';
import { newMedium } from './drive.js';
import { bootImageOf } from './image.js';

const mebibyte = 1024 * 1024;
/** Beyond the image's own size. */
const extraMiB = [96, 640] as const;
/** What partitioning programs leave free at the end: alignment, and the backup of the partition table. */
const slackBytes = 4 * mebibyte;

export function sizeTests(test: AddTest): void {
  test('the data partition grows to fill media of two sizes', {
    from: 'fresh',
    dirties: 'disk',
    needs: ['shell'],
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    const image = bootImageOf(t);
    const promised = t.board.profile.partitions.find(({ grows }) => grows);
    if (!promised) t.skip('the profile promises no partition that grows');
    const sizes: number[] = [];
    for (const extra of extraMiB) {
      const mediumBytes = image.sizeBytes + extra * mebibyte;
      await t.step(`Flash a medium of ${Math.round(mediumBytes / mebibyte)} MiB`, () =>
        t.board.medium.atRig(async (drive) => {
          const medium = await newMedium(t, drive, mediumBytes);
          if (!medium) t.skip('the medium of this board has one size');
          await t.board.medium.write(image, medium);
        }),
      );
      await t.step('Boot', () => t.board.boot());
      const { disk } = await t.step('Measure the medium and its partitions', () => readLayout(t, t.board));
      t.equal(disk.sizeBytes, mediumBytes, 'the board sees the whole medium');
      const partition = disk.partitions.find(({ label }) => label === promised.label);
      t.require(partition, `there is a partition ${promised.label}`);
      const free = disk.sizeBytes - partition.startBytes - partition.sizeBytes;
      t.ok(free >= 0 && free <= slackBytes, `${free} bytes behind the partition are at most ${slackBytes}`);
      const lost = partition.sizeBytes - (partition.filesystem.sizeBytes ?? 0);
      t.ok(lost >= 0 && lost <= slackBytes, `${lost} bytes behind the file system are at most ${slackBytes}`);
      sizes.push(partition.sizeBytes);
    }
    const [small = 0, large = 0] = sizes;
    t.ok(large > small, `${large} bytes on the larger medium are more than ${small}`);
  });
}
