import type { AddTest, TestContext } from '../../rig/mod.js';
import { configure } from '../board/config-json.js';
import { promised } from '../board/promised.js';
import { logCommand } from '../facts/logs.js';
import { quoted } from '../facts/sections.js';

/** Text that does not compress, in long lines: journald drops lines of whoever writes too many in a time. */
const noise = (mebibytes: number) => `head -c ${mebibytes * 0.75 * 2 ** 20} /dev/urandom | base64 -w 32768`;

export function journalTests(test: AddTest): void {
  test('the journal stays in memory and within its limit', {
    dirties: 'memory',
    deadlineMs: 180_000,
  }, async (t: TestContext) => {
    const { memoryMiB, volatile, persistent } = await promised(t, 'journal');
    const first = `first-${t.random.uuid()}`;
    await t.step(`Log ${2 * memoryMiB} MiB`, () =>
      t.board.shell.text(
        `${logCommand(first)}; ${noise(2 * memoryMiB)} | systemd-cat -t rig; journalctl --sync`,
        {
          timeoutMs: 120_000,
        },
      ),
    );
    const used = async () => Number((await t.board.shell.text(`du -sk ${quoted(volatile)}`)).split('\t')[0]);
    const usedKib = await t.step('Measure the journal', used);
    t.measure('journal.size', usedKib, 'KiB');
    t.ok(usedKib > 1024, `${usedKib} KiB of what was logged are kept`);
    t.ok(usedKib <= (memoryMiB + 1) * 1024, `${usedKib} KiB are at most about ${memoryMiB} MiB`);
    const left = await t.board.shell.run(`journalctl -q -b --no-pager -t rig -o cat | cut -c 1-60`);
    t.notMatch(left.stdout, first, 'what was logged first made room');
    const kept = await t.board.shell.run(`find ${quoted(persistent)} -type f 2>/dev/null`);
    t.equal(kept.stdout.trim(), '', 'nothing is written to the state partition');
  });

  test('with persistentLogging the journal knows one more boot after each', {
    dirties: 'disk',
    deadlineMs: 300_000,
  }, async (t: TestContext) => {
    await promised(t, 'journal');
    await configure(t, { persistentLogging: true });
    const boots = async () =>
      (await t.board.shell.text('journalctl --list-boots --no-pager -q')).split('\n').length;
    const said = `said-${t.random.uuid()}`;
    await t.board.shell.text(`${logCommand(said)}; journalctl --sync`);
    const before = await t.step('Count the boots', boots);
    await t.step('Reboot', () => t.board.reboot());
    t.equal(await t.step('Count them again', boots), before + 1, 'the journal knows one more');
    const earlier = await t.board.shell.text('journalctl -b -1 -q --no-pager -t rig -o cat');
    t.match(earlier, said, 'what was logged before the reboot is still there');
  });
}
