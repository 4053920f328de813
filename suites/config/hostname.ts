import type { AddTest, TestContext } from '../../rig/mod.js';
import { changeConfig } from '../board/config-json.js';
import { promised } from '../board/promised.js';

export function hostnameTests(test: AddTest): void {
  test('takes its host name from config.json', {
    dirties: 'disk',
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    await promised(t, 'config');
    const before = await readHostname(t);
    const name = `rig-${t.random.uuid().slice(0, 8)}`;
    await t.step(`Write the host name ${name} to config.json`, () =>
      changeConfig(t.board, { hostname: name }),
    );
    await t.step('Reboot', () => t.board.reboot());
    const after = await t.step('Read the host name', () => readHostname(t));
    t.not(before, name, 'the board was not called so before');
    t.equal(after, name, 'the board is called as config.json says');
  });
}

export function readHostname(t: TestContext): Promise<string> {
  return t.board.shell.text('cat /proc/sys/kernel/hostname');
}
