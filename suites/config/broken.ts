import type { AddTest, TestContext } from '../../rig/mod.js';
import { changeConfig, fileOf, onBootPartition, writeBootFile } from '../board/config-json.js';
import { promised } from '../board/promised.js';
import { logsCommand } from '../facts/logs.js';
import { ask, quoted } from '../facts/sections.js';
import { readHostname } from './hostname.js';

const unused = 'rig-not-to-be-used';

export function brokenTests(test: AddTest): void {
  test('boots with a malformed config.json, and says so', {
    dirties: 'disk',
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    const config = await promised(t, 'config');
    const hostname = await readHostname(t);
    await t.step('Cut the file in the middle of a value', async () => {
      await changeConfig(t.board, { hostname: unused });
      const whole = await t.board.shell.text(`cat ${quoted(fileOf(t.board))}`);
      const end = whole.indexOf(unused) + unused.length;
      t.require(end > unused.length, 'the host name is in the file');
      await writeBootFile(t.board, fileOf(t.board), whole.slice(0, end));
    });
    await t.step('Reboot', () => t.board.reboot());
    const { logs, left } = await ask(t.board.shell, {
      logs: logsCommand,
      left: `cat ${quoted(fileOf(t.board))}`,
    });
    t.match(left.text, unused, 'the broken file is left as it was, for its owner to see');
    t.equal(await readHostname(t), hostname, 'the default host name holds, and nothing of the broken file');
    t.match(logs.text, new RegExp(config.complaint), 'the log tells of it');
  });

  test('boots without a config.json', {
    dirties: 'disk',
    tier: 'nightly',
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    await promised(t, 'config');
    const hostname = await readHostname(t);
    await t.step('Remove the file', () => onBootPartition(t.board, `rm ${quoted(fileOf(t.board))}`));
    await t.step('Reboot', () => t.board.reboot());
    t.equal(await readHostname(t), hostname, 'the default host name holds');
  });
}
