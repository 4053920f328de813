import type { Test } from 'tap';
import { pollUntil } from '../../rig/lifetime/poll.js';
import { type DeviceMaker, OpenDevice } from './device.js';

export interface GpioMaker extends DeviceMaker {
  /** A line, and what to type to make the board drive it. */
  readonly line: { readonly name: string; readonly high: string; readonly low: string };
}

/** What every driver that gives `gpio` keeps. */
export async function gpioConformance(t: Test, maker: GpioMaker): Promise<void> {
  await using board = await OpenDevice.of(maker);
  const { power, gpio } = board.device.capabilities;
  if (!power || !gpio) return void t.fail('the device gives no gpio and power');
  const { name, high, low } = maker.line;
  const becomes = (level: 0 | 1): Promise<unknown> =>
    pollUntil(async () => (await gpio.read(name)) === level, {
      what: `line ${name} to be ${level}`,
      timeoutMs: 20_000,
    });
  t.ok((await gpio.lines()).includes(name), 'the line is listed');
  t.equal(await gpio.read(name), 0, 'a line of a board that is off is low');
  for (const call of ['read', 'watch', 'unwatch'] as const)
    await t.rejects(async () => void (await gpio[call]('no-such-line')), { code: 'gpio.unknown-line' }, call);
  await power.on();
  await board.until(maker.started);
  await board.type(high);
  await becomes(1);
  t.same(board.eventsOf('edge'), [], 'nobody watches, nothing is told');
  await board.type(low);
  await becomes(0);

  await gpio.watch(name);
  await gpio.watch(name);
  for (const [index, line] of [high, low, high].entries()) {
    await board.type(line);
    await board.event('edge', index + 1);
  }
  await power.off();
  const off = await board.event('edge', 4);
  t.equal(off.level, 0, 'its power takes the line down, and that is told too');
  const edges = board.eventsOf('edge');
  t.same(
    edges.map(({ level }) => level),
    [1, 0, 1, 0],
    'each change once, in order',
  );
  t.same(new Set(edges.map(({ line }) => line)), new Set([name]));
  const times = edges.map(({ atNs }) => atNs);
  t.same(
    times,
    [...times].sort((a, b) => a - b),
    'the times rise',
  );
  t.ok(
    times.every((at) => at > 0 && at <= Number(process.hrtime.bigint())),
    "on this host's monotonic clock",
  );
  await gpio.unwatch(name);
  // Prompts of the boot before are not those of this one.
  board.skip();
  await power.on();
  await board.until(maker.started);
  await board.type(high);
  await becomes(1);
  t.equal(board.eventsOf('edge').length, 4, 'after unwatch nothing is told');
}
