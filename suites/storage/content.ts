import type { AddTest, TestContext } from '../../rig/mod.js';
import { readLayout } from '../board/layout.js';
import { partitionSum } from '../board/partition-sum.js';
import { quoted } from '../facts/sections.js';

/** An emulated processor hashes some ten megabytes in a second. */
const hashMs = 300_000;

export function contentTests(test: AddTest): void {
  test("the root's bytes are those of the image", {
    tier: 'nightly',
    deadlineMs: hashMs + 60_000,
  }, async (t: TestContext) => {
    const { image } = t.board;
    if (!image) t.skip('nobody knows which image is on the medium');
    const { rootPartition } = await t.step('Find the root', () => readLayout(t, t.board));
    const { name, label, sizeBytes } = rootPartition;
    const [wanted, answer] = await t.step('Calculate the sums of both', () =>
      Promise.all([
        t.host.observe(`${label} in the image`, () => partitionSum(image.path, label)),
        t.board.shell.text(`sha256sum ${quoted(`/dev/${name}`)}`, { timeoutMs: hashMs }),
      ]),
    );
    if (!wanted) t.skip(`the image has no partition table with ${label} that can be read`);
    t.equal(sizeBytes, wanted.sizeBytes, 'the partition has the size that it has in the image');
    t.match(answer, /^[0-9a-f]{64} /, 'the board gives a sum');
    t.equal(answer.split(' ')[0], wanted.sha256, 'nothing on the root was written since it was built');
  });
}
