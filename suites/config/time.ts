import type { AddTest, TestContext } from '../../rig/mod.js';
import { boardClockOffsetS, followRigTime } from '../board/clock.js';
import { promised } from '../board/promised.js';

/** Far from any time that the board could have by itself. */
const aheadS = 2 * 24 * 3600;

export function timeTests(test: AddTest): void {
  test('takes the time from the servers of config.json', {
    dirties: 'disk',
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    const { withinSeconds } = await promised(t, 'timeSync');
    const before = await boardClockOffsetS(t);
    t.require(Math.abs(before) < aheadS / 2, `the clock is off by ${before} s before`);
    const server = await followRigTime(t, { aheadS });
    await t.step('Wait for the clock to follow', () =>
      t.eventually(
        `The clock is ${aheadS} s ahead, as the time server says`,
        async () => Math.abs((await boardClockOffsetS(t)) - aheadS) < 10,
        { timeoutMs: withinSeconds * 1000, everyMs: 2_000 },
      ),
    );
    t.ok(server.received > 0, 'the board asked the time server');
  });
}
