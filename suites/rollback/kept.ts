import type { AddTest, TestContext } from '../../rig/mod.js';
import { comesUp, install } from './came-up.js';
import { otherSlots, slotsOfImage, slotsOnMedium } from './slots-on-medium.js';
import { bundleOf, start } from './start.js';

export function keptTests(test: AddTest): void {
  test('an update is written to the other slot, and nothing to the one that runs', {
    dirties: 'disk',
    needs: ['mux'],
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    const old = await start(t);
    const update = await bundleOf(t);
    const built = await slotsOfImage(t, old);
    await install(t, update);
    const installed = await t.step('Read the slots from the medium', () => slotsOnMedium(t, old));
    t.equal(installed[old.slot], built[old.slot], `slot ${old.slot}, which ran, is as it was built`);
    for (const name of otherSlots(old)) t.not(installed[name], built[name], `slot ${name} has the update`);
    const updated = await comesUp(t, update, old);
    const after = await t.step('Read the slots again', () => slotsOnMedium(t, old));
    t.equal(after[old.slot], built[old.slot], `slot ${old.slot} is there to return to, as it was`);
    t.equal(
      after[updated.slot],
      installed[updated.slot],
      `slot ${updated.slot} has run and is as it was written`,
    );
  });
}
