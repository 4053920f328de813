import type { AddTest, TestContext } from '../../rig/mod.js';
import { promised } from '../board/promised.js';
import { quoted } from '../facts/sections.js';

/** From the last feeding to the reset, and some time for the system to hang. */
const patience = 4;

/**
 * One busy loop a processor that nothing may interrupt but the kernel itself (sched(7), SCHED_FIFO without a limit): no process
 * runs any more, so nobody feeds the watchdog, but the kernel is well and would restart nothing.
 */
const hang = `sleep 1
echo -1 >/proc/sys/kernel/sched_rt_runtime_us
for cpu in /sys/devices/system/cpu/cpu[0-9]*; do
  chrt -f 99 sh -c 'while :; do :; done' &
done
wait`;

export function watchdogTests(test: AddTest): void {
  test('a board that hangs is reset by its watchdog', {
    dirties: 'memory',
    needs: ['console'],
    tier: 'nightly',
    deadlineMs: 500_000,
  }, async (t: TestContext) => {
    const { device, seconds } = await promised(t, 'watchdog');
    const before = await t.board.bootId();
    t.equal(
      (await t.board.shell.run(`[ -c ${quoted(device)} ]`)).exitCode,
      0,
      `there is a watchdog ${device}`,
    );
    await t.step('Hang the board and wait for the reset', () =>
      t.board.console.expectReset(
        () => t.board.shell.text(`setsid sh -c ${quoted(hang)} </dev/null >/dev/null 2>&1 &`).then(() => {}),
        { timeoutMs: patience * seconds * 1000 },
      ),
    );
    await t.step('Wait for a shell', () => t.board.boot());
    t.not(await t.board.bootId(), before, 'the system started anew');
  });
}
