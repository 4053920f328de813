import type { Test } from 'tap';
import { type DeviceMaker, OpenDevice } from './device.js';

/** What every driver that gives `link` keeps; with `carrier`, the board itself is asked. */
export async function linkConformance(t: Test, maker: DeviceMaker): Promise<void> {
  await using open = await OpenDevice.of(maker);
  const { power, link } = open.device.capabilities;
  if (!power || !link) return void t.fail('the device gives no link and power');
  const told = (): string[] => open.eventsOf('link').map(({ state }) => state);
  const boardSees = async (state: 'up' | 'down', when: string): Promise<void> => {
    t.equal(await link.state(), state, when);
    if (!maker.carrier) return;
    await open.type(maker.carrier.line);
    await open.until(maker.carrier[state]);
    t.pass(`${when}, as the board sees it`);
  };

  t.equal(await link.state(), 'up', 'a board just opened has its link up');
  await power.on();
  await open.until(maker.started);
  await boardSees('up', 'up after power-on');
  await link.down();
  await link.down();
  t.same(told(), ['down'], 'down twice is down once');
  await boardSees('down', 'cut');
  await power.off();
  open.skip();
  await power.on();
  await open.until(maker.started);
  await boardSees('down', 'a cut outlives a power cycle');
  await link.up();
  await boardSees('up', 'restored');
  t.same(told(), ['down', 'up']);
}
