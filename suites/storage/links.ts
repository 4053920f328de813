import type { AddTest, TestContext } from '../../rig/mod.js';
import { readLayout } from '../board/layout.js';
import { promised } from '../board/promised.js';
import { quoted } from '../facts/sections.js';

export function linkTests(test: AddTest): void {
  test('the links by state lead to their partitions', async (t: TestContext) => {
    const { folder, active, inactive } = await promised(t, 'stateLinks');
    const { disk, rootPartition } = await t.step('Read the partitions', () => readLayout(t, t.board));
    const listed = await t.step('Follow the links', () =>
      t.board.shell.text(
        `for f in ${quoted(folder)}/*; do [ -L "$f" ] || continue; echo "\${f##*/} $(readlink -f "$f")"; done`,
      ),
    );
    const found = Object.fromEntries(listed.split('\n').map((line) => line.split(' ')));
    const { roots } = t.board.profile;
    const other = disk.partitions.find(
      ({ label, name }) => roots.includes(label) && name !== rootPartition.name,
    );
    t.require(other, 'there is a root that does not run');
    const plain = disk.partitions.filter(({ label }) => !roots.includes(label));
    t.require(plain.length > 0, 'there are other partitions');
    const wanted = Object.fromEntries([
      [active, `/dev/${rootPartition.name}`],
      [inactive, `/dev/${other.name}`],
      ...plain.map(({ label, name }) => [label, `/dev/${name}`]),
    ]);
    for (const [link, device] of Object.entries(wanted)) t.equal(found[link], device, `${link} is ${device}`);
  });
}
