import type { AddTest, TestContext } from '../../rig/mod.js';
import { configure } from '../board/config-json.js';
import { promised } from '../board/promised.js';
import { quoted } from '../facts/sections.js';

export function udevTests(test: AddTest): void {
  test('applies the udev rules of config.json', {
    dirties: 'disk',
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    await promised(t, 'udevRules');
    const link = `rig-${t.random.uuid().slice(0, 8)}`;
    const isThere = async () => {
      const look = `udevadm trigger --action=add /sys/class/mem/null && udevadm settle && readlink -f ${quoted(`/dev/${link}`)}`;
      const { stdout } = await t.board.shell.run(look);
      return stdout.trim() === '/dev/null';
    };
    t.notOk(await t.step('Look for a link before', isThere), 'no rule makes it');
    await configure(t, {
      os: { udevRules: { 90: `ACTION=="add", KERNEL=="null", SUBSYSTEM=="mem", SYMLINK+="${link}"` } },
    });
    t.ok(await t.step('Look for it', isThere), 'the rule of config.json made the link');
  });
}
