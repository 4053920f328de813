import type { AddTest, TestContext } from '../../rig/mod.js';
import { failureOf } from '../board/failure.js';
import { assertOldSystem, comesUp, install } from './came-up.js';
import { returnsFrom } from './faulty.js';
import { KeptFiles } from './kept-files.js';
import { bundleOf, start } from './start.js';

/** Earlier than any version that anybody runs. */
const olderVersion = '0.9.0';
const deadlineMs = 300_000;

export function updateTests(test: AddTest): void {
  test('an update comes up and keeps state and data; the next one cannot, and the board returns', {
    dirties: 'disk',
    tier: 'smoke',
    deadlineMs: 2 * deadlineMs,
  }, async (t: TestContext) => {
    const old = await start(t);
    const update = await bundleOf(t);
    const kept = new KeptFiles(t);
    await t.step('Write files to state and data', () => kept.write(t));
    await install(t, update);
    const updated = await comesUp(t, update, old);
    await t.step('Compare the files', () => kept.assertKept(t));
    const faulty = await t.host.bundle({ fault: 'no-init' });
    // A person's own update has no faults; that it comes up is shown.
    if (!faulty) return;
    await install(t, faulty);
    await returnsFrom(t, 'no-init', updated);
    await t.step('Compare the files', () => kept.assertKept(t));
  });

  test('an update to the version that runs', {
    dirties: 'disk',
    deadlineMs,
  }, async (t: TestContext) => {
    const old = await start(t);
    if (old.version === undefined) t.skip('the system does not tell its version');
    const same = await bundleOf(t, { version: old.version });
    await install(t, same);
    await comesUp(t, same, old);
  });

  test('an update to an older version', {
    dirties: 'disk',
    tier: 'nightly',
    deadlineMs,
  }, async (t: TestContext) => {
    const old = await start(t);
    if (old.promise.downgrades === 'refused')
      t.skip(`the profile ${t.board.profile.name} refuses downgrades`);
    const older = await bundleOf(t, { version: olderVersion });
    await install(t, older);
    await comesUp(t, older, old);
  });

  test('an older version is refused where the product has that policy', {
    dirties: 'disk',
    deadlineMs,
  }, async (t: TestContext) => {
    const old = await start(t);
    if (old.promise.downgrades !== 'refused')
      t.skip(`the profile ${t.board.profile.name} has no policy on downgrades`);
    const older = await bundleOf(t, { version: olderVersion });
    const failure = await failureOf(() => t.board.update.install(older));
    t.equal(failure?.code, 'update.not-installed', 'the product refuses it');
    await assertOldSystem(t, old);
    await t.step('Reboot', () => t.board.reboot());
    await assertOldSystem(t, old);
  });

  test('three updates in a row', {
    dirties: 'disk',
    tier: 'nightly',
    deadlineMs: 2 * deadlineMs,
  }, async (t: TestContext) => {
    const kept = new KeptFiles(t);
    let now = await start(t);
    const update = await bundleOf(t);
    const between = (await t.host.bundle({ version: olderVersion })) ?? update;
    const downgrades = now.promise.downgrades !== 'refused';
    await t.step('Write files to state and data', () => kept.write(t));
    for (const bundle of [update, downgrades ? between : update, update]) {
      await install(t, bundle);
      now = await comesUp(t, bundle, now);
    }
    await t.step('Compare the files', () => kept.assertKept(t));
  });
}
