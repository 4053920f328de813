import type { Board, TestContext } from '../../rig/mod.js';
import { quoted } from '../facts/sections.js';

/** For one answer over HTTP. */
export const answerMs = 10_000;

/** Busybox and full systems have wget; curl where they have not. No option of wget's but these: Debian's busybox crashes at `-T`. */
export function fetchCommand(url: string): string {
  const word = quoted(url);
  return `if command -v wget >/dev/null 2>&1; then wget -q -O - ${word}; else curl -fsS ${word}; fi`;
}

/** The first page that the board's HTTP server gives, waiting while the server starts. */
export function fetchPage(
  t: TestContext,
  board: Board,
  port: number,
): Promise<{ readonly status: number; readonly body: string }> {
  return t.eventually('The board answers HTTP', async () => {
    const { host, port: mapped } = await board.endpoint(port);
    const url = `http://${host}:${mapped}/`;
    return t.host.observe(`page of ${url}`, async () => {
      const signal = AbortSignal.any([t.signal, AbortSignal.timeout(answerMs)]);
      const response = await fetch(url, { signal, headers: { connection: 'close' } });
      return { status: response.status, body: await response.text() };
    });
  });
}
