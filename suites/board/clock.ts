import type { HostServices, TestContext } from '../../rig/mod.js';
import { timeServer } from '../servers/ntp.js';
import { configure } from './config-json.js';

/** Seconds by which the board's clock is ahead of this host's; 0 within what a question and its answer take. */
export async function boardClockOffsetS({ board }: TestContext): Promise<number> {
  const before = Date.now() / 1000;
  const seconds = Number(await board.shell.text('date +%s'));
  const after = Date.now() / 1000;
  // `date` cuts the fraction of the second off.
  return seconds + 1 < before ? seconds + 1 - before : Math.max(0, seconds - after);
}

/** Serves the time of this host, `aheadS` seconds ahead, and has the board ask for it. */
export async function followRigTime(
  t: TestContext,
  { aheadS }: { readonly aheadS: number },
): ReturnType<HostServices['serveUdp']> {
  const server = await t.host.serveUdp(timeServer(() => Date.now() + aheadS * 1000));
  await configure(t, { ntpServers: `${await t.board.hostAddress()}:${server.port}` });
  return server;
}
