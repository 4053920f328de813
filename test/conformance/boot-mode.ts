import type { Test } from 'tap';
import { type DeviceMaker, OpenDevice } from './device.js';

export interface BootModeMaker extends DeviceMaker {
  /** Its normal mode, and another; what the board has started as, in each. */
  readonly normal: { readonly mode: string; readonly started: string };
  readonly other: { readonly mode: string; readonly started: string };
}

/** What every driver that gives `bootMode` keeps, judged with the `power` and console of the same board. */
export async function bootModeConformance(t: Test, maker: BootModeMaker): Promise<void> {
  const { normal, other } = maker;
  await using board = await OpenDevice.of(maker);
  const { power, bootMode } = board.device.capabilities;
  if (!power || !bootMode) return void t.fail('the device gives no boot mode and power');
  const modes = await bootMode.modes();
  t.ok(modes.includes(normal.mode) && modes.includes(other.mode), 'both modes are listed');
  t.equal(await bootMode.mode(), normal.mode, 'a session begins in the normal mode');
  await t.rejects(async () => bootMode.set('no-such-mode'), { code: 'boot-mode.unknown' });
  t.equal(await bootMode.mode(), normal.mode, 'and nothing has changed');
  await power.on();
  await board.until(normal.started);
  await bootMode.set(normal.mode);
  await t.rejects(
    async () => bootMode.set(other.mode),
    { code: 'boot-mode.board-on' },
    'never against a running board',
  );
  await power.off();

  await bootMode.set(other.mode);
  await bootMode.set(other.mode);
  t.equal(await bootMode.mode(), other.mode);
  await power.on();
  await board.until(other.started);
  await power.off();
  const over = AbortSignal.abort(new Error('given up'));
  await t.rejects(async () => bootMode.set(normal.mode, { signal: over }), { message: 'given up' });
  await Promise.all([bootMode.set(normal.mode), bootMode.set(other.mode), bootMode.set(normal.mode)]);
  t.equal(await bootMode.mode(), normal.mode, 'calls made at once are carried out in their order');
  await power.on();
  await board.until(normal.started);
  await power.off();
  await bootMode.set(other.mode);
}
