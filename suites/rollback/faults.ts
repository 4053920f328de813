import type { AddTest, TestContext } from '../../rig/mod.js';
import { promised } from '../board/promised.js';
import { assertOldSystem, install } from './came-up.js';
import { assertCounted, returnsFrom, type SelfEndingFault } from './faulty.js';
import { bundleOf, runningVersion, start } from './start.js';

/** Where a health check waits for what is broken, each boot takes as long as that. */
const deadlineMs = 1_200_000;

/** `needs`: what a product must have for the fault to be one. */
const faults: readonly {
  readonly fault: SelfEndingFault;
  readonly what: string;
  readonly needs?: 'watchdog' | 'engine';
}[] = [
  { fault: 'panic', what: 'whose kernel panics' },
  { fault: 'hang', what: 'whose kernel hangs', needs: 'watchdog' },
  { fault: 'engine', what: 'whose engine does not start', needs: 'engine' },
  { fault: 'network', what: 'without a network' },
  { fault: 'reboot-loop', what: 'that reboots for ever' },
];

export function faultTests(test: AddTest): void {
  test(
    'the board returns from an update without an init',
    {
      dirties: 'disk',
      tier: 'nightly',
      deadlineMs,
    },
    (t: TestContext) => returns(t, 'no-init'),
  );

  for (const { fault, what, needs } of faults)
    test(`the board returns from an update ${what}`, {
      dirties: 'disk',
      tier: 'nightly',
      deadlineMs,
    }, async (t: TestContext) => {
      if (needs) await promised(t, needs);
      await returns(t, fault);
    });

  test('the board returns from an update that is never marked good', {
    dirties: 'disk',
    tier: 'nightly',
    deadlineMs,
  }, async (t: TestContext) => {
    const old = await start(t);
    const update = await bundleOf(t, { fault: 'never-good' });
    const before = t.board.update.boots.length;
    await install(t, update);
    await t.step(`Reboot it ${old.promise.tries} times`, async () => {
      for (let boot = 1; boot <= old.promise.tries; boot += 1) {
        await t.board.reboot();
        const { booted } = await t.board.update.status();
        t.not(booted, old.slot, `boot ${boot} is of the new slot`);
        if (update.version !== undefined) t.equal(await runningVersion(t), update.version, 'and its version');
      }
    });
    await t.step('Reboot it once more', () => t.board.update.settle());
    const boots = t.board.update.boots.slice(before);
    assertCounted(t, boots.slice(0, -1));
    for (const { verdict } of boots.slice(0, -1)) t.not(verdict, 'good', 'nobody marked it good');
    await assertOldSystem(t, old);
  });
}

async function returns(t: TestContext, fault: SelfEndingFault): Promise<void> {
  const old = await start(t);
  const update = await bundleOf(t, { fault });
  await install(t, update);
  await returnsFrom(t, fault, old);
}
