import type { AddTest, TestContext } from '../../rig/mod.js';
import { cutLink, restoreLink } from '../board/cable.js';
import { readStatus, requireUplink } from '../board/status.js';

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
    const carrier = await t.board.consoleShell.text('cat /sys/class/net/*/carrier 2>/dev/null || true');
    t.notMatch(carrier.split('\n').slice(0, -1).join('\n'), /^1$/m, 'no wire has a carrier');
    await cutLink(t, t.board);
    await t.step('Plug it in', () => restoreLink(t, t.board));
    const { route } = requireUplink(t, await readStatus(t.board));
    t.ok(route.gateway, `the way out is over ${route.gateway}`);
  });
}
