import type { AddTest, TestContext } from '../../rig/mod.js';
import { answerMs, fetchCommand, fetchPage } from '../board/pages.js';

export function trafficTests(test: AddTest): void {
  test('reaches an HTTP server of the rig', { tier: 'smoke' }, async (t: TestContext) => {
    const body = `boardrig ${t.random.uuid()}`;
    const server = await t.step('Serve something that nobody can guess', () => t.host.serveHttp(body));
    const path = `/${t.random.uuid()}`;
    const received = await t.step('Fetch it from the board', async () => {
      const url = `http://${await t.board.hostAddress()}:${server.port}${path}`;
      return t.board.shell.text(fetchCommand(url), { timeoutMs: answerMs });
    });
    t.equal(received, body, 'the board received what was served');
    t.same(
      server.requests.map((request) => request.path),
      [path],
      'the server saw this one request',
    );
  });

  test('answers HTTP through the forwarded port', { tier: 'smoke' }, async (t: TestContext) => {
    const { httpPort } = t.board.profile;
    if (httpPort === undefined) t.skip('the profile names no HTTP port');
    const outside = await t.step('Fetch the page from outside', () => fetchPage(t, t.board, httpPort));
    t.equal(outside.status, 200, 'the status is 200');
    const inside = await t.step('Fetch the same page on the board itself', () =>
      t.board.shell.text(fetchCommand(`http://127.0.0.1:${httpPort}/`), { timeoutMs: answerMs }),
    );
    t.require(inside.trim() !== '', 'the page has content');
    t.equal(outside.body.trim(), inside.trim(), "it is this board's page");
  });
}
