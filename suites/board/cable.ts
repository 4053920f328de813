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

/** Takes the link down and shows that it is: nothing answers any more, for as long as a board needs to notice. */
export async function cutLink(t: TestContext, board: Board): Promise<void> {
  await board.link.down();
  t.equal(await board.link.state(), 'down', 'the link is down');
  const outUntil = performance.now() + outMs;
  let answered = false;
  // Where the rig's own port is down, a connection is refused at once.
  await t.eventually(
    'The cable is out for long enough',
    async () => {
      answered = await isReachable(board, { timeoutMs: outMs });
      return answered || t.host.observe('whether that is over', async () => performance.now() >= outUntil);
    },
    { timeoutMs: 10 * outMs, everyMs: 500 },
  );
  t.notOk(answered, 'nothing answers while it is down');
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
