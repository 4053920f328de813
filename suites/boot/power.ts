import type { AddTest } from '../../rig/mod.js';
import { RigError, type TestContext } from '../../rig/mod.js';
import { assertPromisedMounts, readLayout } from '../board/layout.js';
import { Marks } from '../board/marks.js';
import { parseUptime } from '../facts/uptime.js';
import { assertStages } from './stages.js';

/** RFC 9562, version 4. */
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** One more than the tries that a bootloader which counts them gives (`tries` of update promises: 3). */
const cycles = 4;

export function powerTests(test: AddTest): void {
  test('the boot id changes over a reboot', { deadlineMs: 300_000 }, async (t: TestContext) => {
    const before = await t.step('Read the boot id twice', () => readBootId(t));
    t.equal(await t.board.bootId(), before, 'it stays the same while the system runs');
    await t.step('Reboot', () => t.board.reboot());
    t.not(await readBootId(t), before, 'the boot id is another one');
  });

  test('a power cut gives a new boot id and keeps what was synced', {
    tier: 'smoke',
    deadlineMs: 300_000,
    needs: ['power'],
  }, async (t: TestContext) => {
    const { state } = t.board.profile.mounts;
    const marks = new Marks(t, [state]);
    const before = await readBootId(t);
    await t.step('Write to state and sync', async () => {
      await marks.write(t, t.board.shell);
      await t.board.shell.text('sync');
    });
    const cutAt = performance.now();
    const record = await t.step('Cut the power, restore it, wait for a shell', async () => {
      await t.board.power.cycle();
      return t.board.boot();
    });
    if (t.board.has('console')) assertStages(t, record, t.board);
    t.not(await readBootId(t), before, 'the boot id is another one');
    const uptimeMs = parseUptime(await t.board.shell.text('cat /proc/uptime'));
    const sinceCutMs = performance.now() - cutAt;
    t.ok(
      uptimeMs <= 1.1 * sinceCutMs,
      `the uptime, ${uptimeMs} ms, began after the cut ${Math.round(sinceCutMs)} ms ago`,
    );
    const { present } = await t.step('Look for what was written', () => marks.read(t.board.shell));
    t.same(present, [state], `what was synced to ${state} is still there`);
    await marks.remove(t.board.shell);
  });

  test(`boots after each of ${cycles} power cuts in a row`, {
    deadlineMs: 900_000,
    needs: ['power'],
  }, async (t: TestContext) => {
    const ids = new Set([await readBootId(t)]);
    for (let cycle = 1; cycle <= cycles; cycle += 1) {
      await t.step(`Cut ${cycle} of ${cycles}`, async () => {
        await t.board.power.cycle();
        const record = await t.board.boot();
        if (t.board.has('console')) assertStages(t, record, t.board);
        const shell = record.stages.at(-1);
        if (shell) t.measure('boot.after-cut', shell.ms, 'ms');
        const id = await readBootId(t);
        t.notOk(ids.has(id), 'the boot id was never seen before');
        ids.add(id);
        assertPromisedMounts(t, await readLayout(t, t.board));
      });
    }
    t.equal(ids.size, cycles + 1, 'every boot had an id of its own');
  });
}

async function readBootId(t: TestContext): Promise<string> {
  const id = await t.board.bootId();
  if (uuid.test(id)) return id;
  throw new RigError(`The boot id ${JSON.stringify(id)} is not a UUID of version 4`, {
    code: 'facts.unreadable',
    blame: 'board',
    hint: 'The kernel makes it: is /proc mounted?',
  });
}
