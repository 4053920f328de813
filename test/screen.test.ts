// test: light
// Pictures of a display: of a PC that QEMU plays, over a session, in a replay's place, and as files that were made badly.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { BoardSession } from '../rig/contracts/session.js';
import type { Picture } from '../rig/contracts/suite.js';
import { readPng } from '../rig/core/board/png.js';
import { operations } from '../rig/core/session/operations.js';
import { findExecutable } from '../rig/lifetime/find-executable.js';
import { inkOf } from '../suites/facts/ink.js';
import { chunk, png } from './fakes/png.js';
import { openBoard } from './qemu/boards.js';
import { chatterFirmware, chatterMachine } from './qemu/chatterbox.js';

const folder = mkdtempSync(join(tmpdir(), 'screen-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

const noQemu = findExecutable('qemu-system-x86_64') ? false : 'needs qemu-system-x86_64';

t.test('a picture of a PC without a system is the text that QEMU shows', { skip: noQemu }, async (t) => {
  const image = join(folder, 'firmware.bin');
  writeFileSync(image, chatterFirmware());
  const machine = { ...chatterMachine(image), display: 'vga' as const };
  await using board = await openBoard(() => {}, { machine, folder });
  const { power, capture, console } = board.capabilities;
  if (!power || !capture || !console) return void t.fail('the board has no power, console and capture');
  await using _line = await console.open({ data: () => {}, lost: () => {} });
  await t.rejects(capture.picture(), { code: 'power.board-off' });
  await power.on();
  // Two at once: one file is in use.
  const [first, second] = await Promise.all([capture.picture(), capture.picture()]);
  t.same(second, first, 'nothing changed between them');
  const picture = readPng(first);
  t.ok(picture.widthPx >= 640 && picture.heightPx >= 400, `${picture.widthPx} × ${picture.heightPx} pixels`);
  const ink = inkOf({ ...picture, png: first });
  t.ok(ink.share > 0 && ink.strokes > 0.9, `it is text: ${JSON.stringify(ink)}`);
  t.notMatch(readdirSync(join(folder, 'work')).join(), /png/, 'no picture is left behind');
  await power.off();

  await using headless = await openBoard(() => {}, { machine: chatterMachine(image) });
  t.notOk(headless.capabilities.capture, 'a board without a display gives no pictures');
});

t.test('a session gives pictures to anybody, none that is too large for it', async (t) => {
  const operation = operations['capture.picture'];
  if (!operation) return void t.fail('there is no such operation');
  t.notOk(operation.exclusive, 'looking needs no lease');
  const ask = (picture: Uint8Array) => {
    const capabilities = { capture: { picture: async () => picture } };
    const session = { board: { name: 'desk' }, capabilities } as unknown as BoardSession;
    return operation.run(session, {}, new AbortController().signal);
  };
  t.same(await ask(Buffer.from('bytes')), Buffer.from('bytes'));
  await t.rejects(ask(Buffer.alloc(2 ** 20 + 1)), { code: 'capture.too-large' });
});

t.test('each way of writing the same pixels gives them back', (t) => {
  const pixels = [10, 20, 30, 40, 60, 80, 11, 22, 33, 44, 66, 99];
  const row = pixels.slice(0, 6);
  const wanted = new Uint8Array(pixels);
  const second: Readonly<Record<string, readonly number[]>> = {
    '0 as they are': pixels.slice(6),
    '1 less the left': [11, 22, 33, 33, 44, 66],
    '2 less the upper': [1, 2, 3, 4, 6, 19],
    // Half of left and upper, rounded down: 5, 10, 15, then 25, 41, 56.
    '3 less the mean': [6, 12, 18, 19, 25, 43],
    // Of left, upper and both, the nearest to left + upper - upper left: 40 of 11, 40, 10; 60 of 22, 60, 20; 80 of 33, 80, 30.
    '4 less the nearest': [1, 2, 3, 4, 6, 19],
  };
  for (const [name, bytes] of Object.entries(second))
    t.same(readPng(png([row, bytes], { filters: [0, Number(name[0])] })).rgb, wanted, name);
  const grey = readPng(png([[7, 9]], { colourType: 0 }));
  t.same([...grey.rgb], [7, 7, 7, 9, 9, 9], 'grey');
  const clear = readPng(png([[1, 2, 3, 0, 4, 5, 6, 255]], { colourType: 6 }));
  t.same([...clear.rgb], [1, 2, 3, 4, 5, 6], 'what is transparent is taken as it is');
  t.end();
});

t.test('a file that is no such picture is refused with the reason', (t) => {
  const good = png([[1, 2, 3, 4, 5, 6]]);
  const huge = Buffer.from(good);
  huge.writeUInt32BE(2 ** 31, 16);
  const bad: Readonly<Record<string, Buffer>> = {
    'does not begin as a PNG': Buffer.from('GIF89a'),
    'cut off': good.subarray(0, 40),
    'no end': good.subarray(0, -12),
    'no header': Buffer.concat([good.subarray(0, 8), chunk('IEND', Buffer.alloc(0))]),
    'with 16 bits': png([[1]], { depth: 16 }),
    'of type 3': png([[1]], { colourType: 3 }),
    '2147483648 × 1 pixels': huge,
    'unknown filter 9': png([[1, 2, 3, 4, 5, 6]], { filters: [9] }),
    'bytes of pixels, not 7': png([[]], { data: [0, 1, 2] }),
    'larger than 7 bytes': png([[]], { data: Array.from({ length: 5_000 }, () => 0) }),
  };
  for (const [why, file] of Object.entries(bad))
    t.throws(() => readPng(file), { code: 'capture.unreadable', message: why }, why);
  t.end();
});

t.test('ink tells letters from a picture', (t) => {
  const draw = (isInk: (x: number, y: number) => boolean): Picture => {
    const rgb = new Uint8Array(320 * 200 * 3);
    for (let pixel = 0; pixel < 320 * 200; pixel += 1)
      if (isInk(pixel % 320, Math.floor(pixel / 320))) rgb.fill(200, pixel * 3, pixel * 3 + 3);
    return { widthPx: 320, heightPx: 200, rgb, png: new Uint8Array() };
  };
  t.same(inkOf(draw(() => false)), { pixels: 0, share: 0, strokes: 0 }, 'one colour is nothing');
  const letters = inkOf(draw((x, y) => y < 16 && x % 8 < 3));
  t.ok(letters.share > 0.02 && letters.strokes === 1, JSON.stringify(letters));
  const square = inkOf(draw((x, y) => Math.abs(x - 160) < 40 && Math.abs(y - 100) < 40));
  t.ok(square.share > 0.05 && square.strokes === 0, JSON.stringify(square));
  const atTheEdge = inkOf(draw((x) => x >= 318));
  t.equal(atTheEdge.strokes, 1, 'a stroke ends with the row');
  t.end();
});
