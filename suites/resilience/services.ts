import type { AddTest, TestContext } from '../../rig/mod.js';
import { Engine } from '../board/engine.js';
import { promised } from '../board/promised.js';
import { parseUnits, unitsCommand } from '../facts/units.js';

const restartMs = 60_000;

export function serviceTests(test: AddTest): void {
  test('a critical service that is killed comes back', {
    dirties: 'memory',
    deadlineMs: 240_000,
  }, async (t: TestContext) => {
    const { critical } = await promised(t, 'systemd');
    const read = async () => parseUnits(await t.board.shell.text(unitsCommand(critical)), critical);
    const before = await t.step('Ask for their processes', read);
    const down = before.filter(({ mainPid }) => mainPid === 0);
    t.same(
      down.map(({ name }) => name),
      [],
      'all run',
    );
    await t.step('Kill them all', () =>
      t.board.shell.text(`kill -KILL ${before.map(({ mainPid }) => mainPid).join(' ')}`),
    );
    const after = await t.step('Wait for them', () =>
      t.eventually(
        `${critical.join(', ')} run again`,
        async () => {
          const now = await read();
          const isNew = ({ mainPid, active }: (typeof now)[number], index: number) =>
            active === 'active' && mainPid > 0 && mainPid !== before[index]?.mainPid;
          return now.every(isNew) && now;
        },
        { timeoutMs: restartMs, everyMs: 1_000 },
      ),
    );
    t.same(
      after
        .filter(({ restarts }, index) => restarts <= (before[index]?.restarts ?? 0))
        .map(({ name }) => name),
      [],
      'systemd restarted each of them',
    );
  });

  test('an engine that is killed comes back, and its containers with it', {
    dirties: 'disk',
    tier: 'nightly',
    deadlineMs: 600_000,
  }, async (t: TestContext) => {
    const engine = await Engine.of(t);
    const { unit, image } = engine.promise;
    await t.step('Start a container that is to be kept running', () =>
      engine.text(`run -d --restart always --name rig-kept ${image} sleep 100000`),
    );
    const before = await engine.unit(unit);
    await t.step('Kill the engine', () => t.board.shell.text(`kill -KILL ${before.mainPid}`));
    await t.step('Wait for another process', () =>
      t.eventually(
        `${unit} has another process`,
        async () => (await engine.unit(unit)).mainPid !== before.mainPid,
        {
          timeoutMs: restartMs,
          everyMs: 1_000,
        },
      ),
    );
    await t.step('Wait for the engine', () => engine.ready(t));
    await t.step('Wait for the container', () =>
      t.eventually(
        'The container runs',
        async () => (await engine.text("inspect --format '{{.State.Running}}' rig-kept")) === 'true',
        { timeoutMs: restartMs, everyMs: 1_000 },
      ),
    );
    t.equal(await t.step('Run another one', () => engine.run('echo well')), 'well', 'containers run');
  });
}
