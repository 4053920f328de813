import type { AddTest, TestContext } from '../../rig/mod.js';
import { boardClockOffsetS, followRigTime } from '../board/clock.js';
import { promised } from '../board/promised.js';

const skewS = 2 * 3600;
const nearS = 10;

export function clockTests(test: AddTest): void {
  test('a skewed clock is put right', { dirties: 'disk', deadlineMs: 400_000 }, async (t: TestContext) => {
    const { withinSeconds } = await promised(t, 'timeSync');
    const server = await followRigTime(t, { aheadS: 0 });
    await t.step('Wait until the board asks for the time', () =>
      t.eventually('The board asked the time server', async () => server.received > 0, {
        timeoutMs: withinSeconds * 1000,
      }),
    );
    await t.step('Set the clock back by two hours', async () => {
      await t.board.shell.text(`date -s @$(($(date +%s) - ${skewS})) >/dev/null`);
      const offset = await boardClockOffsetS(t);
      t.require(Math.abs(offset + skewS) < 60 || Math.abs(offset) < nearS, `the clock is off by ${offset} s`);
    });
    await t.step('Wait for it', () =>
      t.eventually('The clock is right again', async () => Math.abs(await boardClockOffsetS(t)) < nearS, {
        timeoutMs: withinSeconds * 1000,
        everyMs: 2_000,
      }),
    );
    const end = await boardClockOffsetS(t);
    t.ok(Math.abs(end) < nearS, `it is off by ${end.toFixed(1)} s`);
  });
}
