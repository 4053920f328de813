import type { AddTest, TestContext } from '../../rig/mod.js';
import { promised } from '../board/promised.js';
import { parseProcesses, processesCommand } from '../facts/processes.js';
import { ask } from '../facts/sections.js';

/** Device number of /dev/tty1 (Linux, Documentation/admin-guide/devices.txt). */
const tty1 = '4:1';

export function screenTests(test: AddTest): void {
  for (const variant of ['dev', 'prod'] as const)
    test(`${variant}: the screen shows what it should`, { variant }, async (t: TestContext) => {
      const screen = (await promised(t, 'screen'))[variant];
      const { text, pixels, processes } = await t.step('Read the screen, and who sits at it', () =>
        t.eventually('The screen shows something', async () => {
          const answer = await ask(t.board.shell, {
            // Linux, Documentation/admin-guide/devices.txt: the text on the screen, without attributes.
            text: 'cat /dev/vcs1 2>/dev/null || true',
            pixels: 'head -c 4000000 /dev/fb0 2>/dev/null | od -An -v -tx4 -w4 | sort -u | wc -l',
            processes: processesCommand,
          });
          const isReady =
            screen === 'login' ? answer.text.text.includes('login:') : Number(answer.pixels.text) > 1;
          return isReady && answer;
        }),
      );
      const users = parseProcesses(processes.text).filter(({ terminal }) => terminal === tty1);
      if (screen === 'login') {
        t.match(text.text, /login:/, 'a login is shown');
        t.ok(users.length > 0, 'a process waits for somebody there');
      } else {
        t.equal(text.text.trim(), '', 'no text is shown');
        t.ok(Number(pixels.text) > 1, 'a picture of several colours is shown');
        t.same(
          users.map(({ command }) => command),
          [],
          'nobody sits at it',
        );
      }
    });
}
