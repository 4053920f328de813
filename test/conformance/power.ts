import type { Test } from 'tap';
import { type DeviceMaker, OpenDevice } from './device.js';

/** What every driver that gives `power` (and `reset`, `powerButton`) keeps. */
export async function powerConformance(t: Test, maker: DeviceMaker): Promise<void> {
  await using open = await OpenDevice.of(maker);
  const { power, reset, powerButton } = open.device.capabilities;
  if (!power) return void t.fail('the device gives no power');
  const told = (): string[] => open.eventsOf('power').map(({ state, cause }) => `${state} by ${cause}`);

  t.equal(await power.state(), 'off', 'a board just opened is off');
  await power.off();
  t.same(told(), [], 'off while off tells nothing');
  if (reset) await t.rejects(reset.reset(), { code: 'power.board-off' }, 'no reset while off');
  if (powerButton) await t.rejects(powerButton.press(), { code: 'power.board-off' }, 'no press while off');

  await power.on();
  t.equal(await power.state(), 'on');
  await power.on();
  t.same(told(), ['on by rig'], 'on twice is on once');
  await open.until(maker.started);

  if (reset) {
    open.skip();
    await reset.reset();
    await open.until(maker.started);
    t.same(
      open.eventsOf('reset').map(({ cause }) => cause),
      ['rig'],
      'a reset is told once, as ours',
    );
    t.same(told(), ['on by rig'], 'and is no power cycle');
  }

  await power.off();
  await power.off();
  t.equal(await power.state(), 'off');
  t.same(told(), ['on by rig', 'off by rig'], 'off twice is off once');

  const over = AbortSignal.abort(new Error('given up'));
  await t.rejects(
    power.on({ signal: over }),
    { message: 'given up' },
    'an aborted call rejects with the reason',
  );
  t.equal(await power.state(), 'off', 'and does nothing');

  await Promise.all([power.on(), power.off(), power.on(), power.off(), power.on()]);
  t.equal(await power.state(), 'on', 'calls made at once are carried out in their order');
  t.same(told().slice(2), ['on by rig', 'off by rig', 'on by rig', 'off by rig', 'on by rig']);

  await Promise.all([open.device[Symbol.asyncDispose](), open.device[Symbol.asyncDispose]()]);
  t.equal(told().at(-1), 'off by rig', 'closing leaves the board off');
  const count = open.events.length;
  await open.device[Symbol.asyncDispose]();
  await t.rejects(power.on(), 'nothing can be powered on after closing');
  t.equal(open.events.length, count, 'closing again does nothing');
}
