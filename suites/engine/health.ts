import type { AddTest, TestContext } from '../../rig/mod.js';
import { Engine } from '../board/engine.js';
import { parseProcesses, processesCommand } from '../facts/processes.js';

/** For some rounds of a health check. */
const healthMs = 120_000;
/** systemd aborts a service that does not feed it, and kills it when even that does not end it (TimeoutAbortSec, 90 s). */
const abortSeconds = 90;

export function healthTests(test: AddTest): void {
  test('a container whose health check fails is unhealthy', {
    dirties: 'disk',
    deadlineMs: 500_000,
  }, async (t: TestContext) => {
    const engine = await Engine.of(t);
    const { image, healthFile } = engine.promise;
    const health = (wanted: string) =>
      t.eventually(
        `The container is ${wanted}`,
        async () => (await engine.text("inspect --format '{{.State.Health.Status}}' rig-health")) === wanted,
        { timeoutMs: healthMs, everyMs: 2_000 },
      );
    await t.step('Start a container that is well', () =>
      engine.text(`run -d --name rig-health ${image} sh -c 'touch ${healthFile}; exec sleep 100000'`),
    );
    t.ok(await t.step('Wait until it is healthy', () => health('healthy')), 'it is healthy');
    await t.step('Make it ill', () => engine.text(`exec rig-health rm ${healthFile}`));
    t.ok(await t.step('Wait until that is noticed', () => health('unhealthy')), 'it is unhealthy');
  });

  test('a runtime that hangs is restarted by its watchdog', {
    dirties: 'disk',
    tier: 'nightly',
    deadlineMs: 900_000,
  }, async (t: TestContext) => {
    const engine = await Engine.of(t);
    const { unit, runtime, watchdogSeconds } = engine.promise;
    const before = await engine.unit(unit);
    await t.step(`Stop ${runtime} in its tracks`, async () => {
      const processes = parseProcesses(await t.board.shell.text(processesCommand));
      // The kernel keeps 15 characters of a name.
      const hung = processes.find(({ command }) => command === runtime.slice(0, 15));
      t.require(hung, `${runtime} runs`);
      await t.board.shell.text(`kill -STOP ${hung.pid}`);
    });
    await t.step('Wait for another process', () =>
      t.eventually(
        `${unit} has another process`,
        async () => (await engine.unit(unit)).mainPid !== before.mainPid,
        { timeoutMs: (2 * watchdogSeconds + abortSeconds) * 1000, everyMs: 5_000 },
      ),
    );
    const log = await t.board.shell.text(`journalctl -b -q --no-pager -o cat _PID=1 UNIT=${unit}`);
    t.match(log, /[Ww]atchdog timeout/, 'because the watchdog ran out');
    await t.step('Wait for the engine', () => engine.ready(t));
    t.equal(await t.step('Run a container', () => engine.run('echo well')), 'well', 'containers run again');
  });
}
