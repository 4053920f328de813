import type { AddTest, TestContext } from '../../rig/mod.js';
import { promised } from '../board/promised.js';
import { inkOf } from '../facts/ink.js';
import { parseProcesses, processesCommand } from '../facts/processes.js';
import { ask } from '../facts/sections.js';

/** Device number of /dev/tty1 (Linux, Documentation/admin-guide/devices.txt). */
const tty1 = '4:1';

/** Counts the colours of some rows in the middle of the frame buffer (Linux, Documentation/fb/api.rst): all of it takes an emulated board long. */
const coloursCommand = `{ IFS=, read -r width height </sys/class/graphics/fb0/virtual_size
read -r stride </sys/class/graphics/fb0/stride
tail -c +$((height * stride / 2 + 1)) /dev/fb0 | head -c 65536 | od -An -v -tx4 -w4 | sort -u | wc -l; } 2>/dev/null`;

/** More than the cursor of any text console, less than ten letters. */
const cursorPx = 200;
/** Of a picture at least this much is drawn, and most of it broader than letters. */
const leastDrawn = 0.01;

export function screenTests(test: AddTest): void {
  for (const variant of ['dev', 'prod'] as const) {
    test(`${variant}: the screen shows what it should`, { variant }, async (t: TestContext) => {
      const screen = (await promised(t, 'screen'))[variant];
      const { text, pixels, processes } = await t.step('Read the screen, and who sits at it', () =>
        t.eventually('The screen shows something', async () => {
          const answer = await ask(t.board.shell, {
            // Linux, Documentation/admin-guide/devices.txt: the text on the screen, without attributes.
            text: 'cat /dev/vcs1 2>/dev/null || true',
            pixels: screen === 'login' ? 'true' : coloursCommand,
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

    test(`${variant}: a picture of the screen is what it should be`, {
      variant,
      needs: ['capture'],
    }, async (t: TestContext) => {
      const screen = (await promised(t, 'screen'))[variant];
      const isText = screen === 'login';
      const picture = await t.step('Take a picture, when something is drawn', () =>
        t.eventually('More than a cursor is drawn', async () => {
          const taken = await t.board.screen.picture();
          return inkOf(taken).pixels > cursorPx && taken;
        }),
      );
      await t.keep('screen.png', picture.png);
      const { share, strokes } = inkOf(picture);
      t.measure('screen.drawn', share * 100, '%');
      t.measure('screen.strokes', strokes * 100, '%');
      if (isText) {
        t.ok(strokes > 0.9, 'nearly all that is drawn is as narrow as the strokes of letters');
      } else {
        t.ok(share >= leastDrawn, 'a picture is drawn');
        t.ok(strokes < 0.1, 'and nearly nothing of it is as narrow as the strokes of letters');
      }
    });
  }
}
