import type { AddTest, TestContext } from '../../rig/mod.js';
import { answerMs } from '../board/pages.js';
import { promised } from '../board/promised.js';

export function interfaceTests(test: AddTest): void {
  test('dev: the engine can be driven from outside', {
    variant: 'dev',
    needs: ['address'],
    deadlineMs: 240_000,
  }, async (t: TestContext) => {
    const port = (await promised(t, 'engine')).port.dev;
    if (port === null) t.skip('the profile has no port of the engine in dev');
    const { host, port: mapped } = await t.board.endpoint(port);
    const answer = await t.step('Ask it over TCP', () =>
      t.eventually(
        'The engine answers over TCP',
        async () => {
          const url = `http://${host}:${mapped}/_ping`;
          return t.host.observe(`answer of ${url}`, async () => {
            const signal = AbortSignal.any([t.signal, AbortSignal.timeout(answerMs)]);
            const response = await fetch(url, { signal, headers: { connection: 'close' } });
            return { status: response.status, text: await response.text() };
          });
        },
        { timeoutMs: 180_000, everyMs: 2_000 },
      ),
    );
    // Docker Engine API, SystemPing.
    t.same(answer, { status: 200, text: 'OK' }, 'it answers');
  });
}
