import type { AddTest, TestContext } from '../../rig/mod.js';
import { promised } from '../board/promised.js';
import { logCommand, logsCommand } from '../facts/logs.js';
import { quoted } from '../facts/sections.js';

/** A shell answers before all services have started; the record is written after the last. */
const startedMs = 90_000;

export function recordTests(test: AddTest): void {
  test('what is logged can be read back', async (t: TestContext) => {
    const said = `said-${t.random.uuid()}`;
    t.notMatch(await t.board.shell.text(logsCommand), said, 'nothing of it is in the log before');
    await t.step('Log something', () => t.board.shell.text(logCommand(said)));
    const logs = await t.step('Read the log', () =>
      t.eventually('The log tells of it', async () => {
        const text = await t.board.shell.text(logsCommand);
        return text.includes(said) && text;
      }),
    );
    t.match(logs, /Linux version /, 'the log reaches back to the beginning of the boot');
  });

  test('the state partition tells of this boot', { deadlineMs: 120_000 }, async (t: TestContext) => {
    const { file } = await promised(t, 'bootRecord');
    const id = await t.board.bootId();
    const wanted = [`started boot=${id} `, `ready boot=${id} `];
    const lines = await t.step('Read the record of boots', () =>
      t.eventually(
        'The record tells that the boot was done',
        async () => {
          const text = await t.board.shell.text(`cat ${quoted(file)}`);
          return wanted.every((words) => text.includes(words)) && text.split('\n');
        },
        { timeoutMs: startedMs },
      ),
    );
    for (const words of wanted)
      t.equal(
        lines.filter((line) => line.includes(words)).length,
        1,
        `"${words.split(' ')[0]}" is there once`,
      );
  });
}
