import type { AddTest, TestContext } from '../../rig/mod.js';
import { cutLink, restoreLink } from '../board/cable.js';
import { readStatus, requireUplink } from '../board/status.js';

/** Drivers are loaded and interfaces brought up while a shell answers already. */
const wireMs = 60_000;

export function networkTests(test: AddTest): void {
  test('boots without a network, and takes it up when it comes', {
    from: 'off',
    dirties: 'network',
    needs: ['link', 'address', 'console'],
    tier: 'nightly',
    deadlineMs: 400_000,
  }, async (t: TestContext) => {
    // Without the network, only a shell on the console can tell that the board is up.
    if (!t.board.profile.consoleLogin[t.board.image?.variant ?? 'dev'] || !t.board.type.signatures.prompt)
      t.skip('the board has no shell on its console');
    await t.step('Unplug the cable and boot', async () => {
      await t.board.link.down();
      await t.board.boot();
    });
    // Interfaces with hardware behind them: loopback and bridges inside the board are not meant.
    const command =
      'for d in /sys/class/net/*; do [ -e "$d/device" ] && echo "carrier $(cat "$d/carrier")"; done; true';
    // A shell may answer before the driver is loaded.
    const carriers = await t.step('Wait until it has its wires', () =>
      t.eventually(
        'A wire is there and up',
        async () => {
          const text = await t.board.consoleShell.text(command);
          return /carrier [01]/.test(text) && text;
        },
        { timeoutMs: wireMs, everyMs: 1_000 },
      ),
    );
    t.match(carriers, 'carrier 0', 'the board has a wire without a carrier');
    t.notMatch(carriers, 'carrier 1', 'and none with one');
    await cutLink(t, t.board);
    await t.step('Plug it in', () => restoreLink(t, t.board));
    const { route } = requireUplink(t, await readStatus(t.board));
    t.ok(route.gateway, `the way out is over ${route.gateway}`);
  });
}
