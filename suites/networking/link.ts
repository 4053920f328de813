import type { AddTest, TestContext } from '../../rig/mod.js';
import { cutLink, restoreLink } from '../board/cable.js';
import { readCarrier, readStatus, requireUplink } from '../board/status.js';

export function linkTests(test: AddTest): void {
  test('notices that the link is down and recovers when it is up', {
    tier: 'smoke',
    needs: ['link'],
    deadlineMs: 120_000,
  }, async (t: TestContext) => {
    const { route } = requireUplink(t, await readStatus(t.board));
    const [before, bootId] = await t.step('Read the carrier', async () => [
      await readCarrier(t.board, route.interface),
      await t.board.bootId(),
    ]);
    t.ok(before.isUp, `${route.interface} has a carrier`);
    await t.step('Unplug the cable', () => cutLink(t, t.board));
    await t.step('Plug it in again', () => restoreLink(t, t.board));
    const after = await t.step('Read the carrier again', () => readCarrier(t.board, route.interface));
    t.ok(after.isUp, `${route.interface} has a carrier again`);
    t.ok(
      after.changes >= before.changes + 2,
      `the kernel saw it go and come: ${before.changes} changes before, ${after.changes} after`,
    );
    const recovered = requireUplink(t, await t.step('Read the routes again', () => readStatus(t.board)));
    t.equal(recovered.route.gateway, route.gateway, 'the default route is back');
    t.equal(await t.board.bootId(), bootId, 'the system did not restart for it');
  });
}
