import type { AddTest, TestContext } from '../../rig/mod.js';
import { assertPromisedMounts, readLayout } from '../board/layout.js';
import { Marks } from '../board/marks.js';
import { promised } from '../board/promised.js';

export function purgeTests(test: AddTest): void {
  test('a purge empties state and data, and the board recovers', {
    dirties: 'disk',
    tier: 'nightly',
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    const { command, wipes } = await promised(t, 'purge');
    const { mounts } = t.board.profile;
    const folders = wipes.map((name) => mounts[name]);
    const marks = new Marks(t, folders);
    const machineId = () => t.board.shell.text('cat /etc/machine-id');
    const before = await machineId();
    await t.step('Leave a mark in each place', () => marks.write(t, t.board.shell));
    await t.step('Ask for the purge and reboot', async () => {
      await t.board.shell.text(command);
      await t.board.reboot();
    });
    const { present } = await t.step('Look for the marks', () => marks.read(t.board.shell));
    t.same(present, [], `nothing is left in ${folders.join(' and ')}`);
    if (wipes.includes('state')) t.not(await machineId(), before, 'the board is somebody else now');
    const layout = await readLayout(t, t.board);
    assertPromisedMounts(t, layout);
    await t.step('Leave a mark again', () => marks.write(t, t.board.shell));
  });
}
