import type { AddTest, TestContext } from '../../rig/mod.js';
import { configure } from '../board/config-json.js';
import { promised } from '../board/promised.js';

/** Not what a kernel without word from anybody assumes, which is the world's common denominator, 00. */
const country = 'DE';
const radioMs = 60_000;

export function radioTests(test: AddTest): void {
  test('lets radios send what the country of config.json allows', {
    dirties: 'disk',
    tier: 'nightly',
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    await promised(t, 'wifi');
    // An emulated radio: which rules hold is asked of the kernel, and only while there is one.
    const domain = async () => {
      const asked = 'modprobe mac80211_hwsim radios=1 && iw reg get';
      const text = await t.board.shell.text(asked, { timeoutMs: radioMs });
      const found = /^country (\S+):/m.exec(text)?.[1];
      t.require(found, 'the kernel tells the regulatory domain');
      return found;
    };
    const becomes = () =>
      t.eventually(`The regulatory domain is ${country}`, async () => (await domain()) === country, {
        everyMs: 1_000,
      });
    const before = await t.step('Add a radio and read the regulatory domain', domain);
    t.not(before, country, 'it is another one before');
    await configure(t, { country });
    t.ok(await t.step('Read it again', becomes), 'the rules of the country hold');
    await t.step('Take the radio away', () =>
      t.board.shell.text('modprobe -r mac80211_hwsim', { timeoutMs: radioMs }),
    );
    t.ok(await t.step('Add a radio anew and read it', becomes), 'they hold for a radio that comes later');
  });
}
