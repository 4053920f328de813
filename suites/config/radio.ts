import type { AddTest, TestContext } from '../../rig/mod.js';
import { configure } from '../board/config-json.js';
import { promised } from '../board/promised.js';

/** Not what a kernel without word from anybody assumes, which is the world's common denominator, 00. */
const countries = ['DE', 'FR'];
const radioMs = 60_000;

export function radioTests(test: AddTest): void {
  test('lets radios send what the country of config.json allows', {
    dirties: 'disk',
    tier: 'nightly',
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    await promised(t, 'wifi');
    // The first time the kernel hears of the country with its first radio, which is an emulated one; then the radio is there already.
    for (const country of countries) {
      await configure(t, { country });
      const holds = await t.step('Have a radio, and read the regulatory domain', () =>
        t.eventually(`The regulatory domain is ${country}`, async () => (await domainOf(t)) === country, {
          everyMs: 1_000,
        }),
      );
      t.ok(holds, `the rules of ${country} hold`);
    }
  });
}

/** Which rules hold is the kernel's word, and only while there is a radio. */
async function domainOf(t: TestContext): Promise<string> {
  const asked = 'modprobe mac80211_hwsim radios=1 && iw reg get';
  const text = await t.board.shell.text(asked, { timeoutMs: radioMs });
  const [, domain] = /^country (\S+):/m.exec(text) ?? [];
  t.require(domain, 'the kernel tells the regulatory domain');
  return domain;
}
