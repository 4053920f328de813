import type { Board, TestContext } from '../../rig/mod.js';
import { isReachable } from './status.js';

/**
 * A cable stays out this long at least: NetworkManager takes a link for lost only after 6 s (NetworkManager.conf(5),
 * carrier-wait-timeout), and what comes back before that is as it was.
 */
const outMs = 8_000;
const askMs = 3_000;
/** DHCP clients that back off may wait this long for their next try. */
const recoveryMs = 60_000;

/** Takes the link down and shows that it is: nothing answers any more. */
export async function cutLink(t: TestContext, board: Board): Promise<void> {
  await board.link.down();
  t.equal(await board.link.state(), 'down', 'the link is down');
  t.notOk(await isReachable(board, { timeoutMs: outMs }), 'nothing answers while it is down');
}

/** Takes the link up and waits until the board can be reached. */
export async function restoreLink(t: TestContext, board: Board): Promise<void> {
  await board.link.up();
  t.equal(await board.link.state(), 'up', 'the link is up');
  const began = performance.now();
  await t.eventually('The board can be reached again', () => isReachable(board, { timeoutMs: askMs }), {
    timeoutMs: recoveryMs,
  });
  t.measure('network.recovery', Math.round(performance.now() - began), 'ms');
}
