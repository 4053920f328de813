import type { AddTest, TestContext, WantedBundle } from '../../rig/mod.js';
import { failureOf } from '../board/failure.js';
import { assertOldSystem } from './came-up.js';
import { otherSlots, slotsOfImage, slotsOnMedium } from './slots-on-medium.js';
import { bundleOf, start } from './start.js';

/** `writes`: a product that reads a bundle as it writes it finds this fault too late to leave the other slot alone. */
const bad: readonly {
  readonly what: string;
  readonly wanted: WantedBundle;
  readonly writes?: true;
}[] = [
  { what: 'that a stranger signed', wanted: { signer: 'stranger' } },
  { what: 'for another product', wanted: { compatible: 'somebody-elses-product' } },
  { what: 'whose second half is missing', wanted: { damage: 'truncated' } },
  { what: 'with one wrong byte', wanted: { damage: 'byte' }, writes: true },
];

export function refusedTests(test: AddTest): void {
  for (const { what, wanted, writes } of bad) {
    test(`an update ${what} is refused, and the system is as it was`, {
      dirties: 'disk',
      deadlineMs: 300_000,
    }, async (t: TestContext) => {
      const old = await start(t);
      const update = await bundleOf(t, wanted);
      const failure = await t.step('Try to install it', () =>
        failureOf(() => t.board.update.install(update)),
      );
      t.equal(failure?.code, 'update.not-installed', 'the product refuses it');
      await assertOldSystem(t, old);
      if (!t.board.has('mux')) return;
      const built = await slotsOfImage(t, old);
      const found = await t.step('Read the slots from the medium', () => slotsOnMedium(t, old));
      t.equal(found[old.slot], built[old.slot], `slot ${old.slot} is as it was built`);
      if (!writes)
        for (const name of otherSlots(old))
          t.equal(found[name], built[name], `slot ${name} is as it was built`);
    });
  }
}
