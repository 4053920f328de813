import type { AddTest, TestContext } from '../../rig/mod.js';
import { filesystemOf, Marks } from '../board/marks.js';

/** The Filesystem Hierarchy Standard 3.0 has /run empty after a boot; with a read-only root /tmp can only be the same. */
const volatileFolders = ['/tmp', '/run'];

export function stateTests(test: AddTest): void {
  test('state survives a reboot, tmpfs does not', {
    tier: 'smoke',
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    const { state, data } = t.board.profile.mounts;
    const kept = [state, data];
    const marks = new Marks(t, [...kept, ...volatileFolders]);
    await t.step('Leave a mark in each place', () => marks.write(t, t.board.shell));
    await t.step('Reboot', () => t.board.reboot());
    const { present, mounts } = await t.step('Look for the marks', () => marks.read(t.board.shell));
    for (const folder of kept) t.ok(present.includes(folder), `the mark in ${folder} is still there`);
    for (const folder of volatileFolders) {
      t.notOk(present.includes(folder), `the mark in ${folder} is gone`);
      t.equal(filesystemOf(mounts, folder), 'tmpfs', `${folder} is memory`);
    }
    await t.step('Remove the marks', () => marks.remove(t.board.shell));
  });
}
