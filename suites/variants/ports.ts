import type { AddTest, TestContext } from '../../rig/mod.js';
import { promised, promisedOrNot } from '../board/promised.js';
import { readStatus, requireUplink } from '../board/status.js';
import { listenersCommand, openPorts, parseListeners } from '../facts/listeners.js';

export function portTests(test: AddTest): void {
  for (const variant of ['dev', 'prod'] as const)
    test(`${variant}: the promised ports are open and no others`, {
      variant,
      needs: ['address'],
    }, async (t: TestContext) => {
      const ports = await promised(t, 'openPorts');
      const engine = await promisedOrNot(t, 'engine');
      const enginePort = engine?.port[variant];
      const wanted = [...ports[variant], ...(typeof enginePort === 'number' ? [enginePort] : [])];
      const { own } = requireUplink(t, await readStatus(t.board));
      const listeners = await t.step('Read who listens', async () =>
        parseListeners(await t.board.shell.text(listenersCommand)),
      );
      t.same(
        openPorts(
          listeners,
          own.map(({ address }) => address),
        ),
        wanted.toSorted((a, b) => a - b),
        'exactly these are open',
      );
    });
}
