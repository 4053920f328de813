import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { type DeviceMaker, OpenDevice } from './device.js';

export interface NetbootMaker extends Pick<DeviceMaker, 'open'> {
  /** The value of `who` in the file that a board gets when it asks the network now; undefined where it gets none. The board is off before and after. */
  told(board: OpenDevice): Promise<string | undefined>;
}

/** What every driver that gives `netboot` keeps. */
export async function netbootConformance(t: Test, maker: NetbootMaker): Promise<void> {
  const folder = join(t.testdir({}), 'with, comma');
  mkdirSync(folder);
  for (const who of ['first', 'second']) writeFileSync(join(folder, `${who}.env`), `who=${who}\n`);
  const files = { folder, bootFile: 'first.env' };
  const board = await OpenDevice.of(maker);
  const { netboot } = board.device.capabilities;
  if (!netboot) return void t.fail('the device gives no netboot');
  t.equal(await maker.told(board), undefined, 'nothing is offered at first');
  await netboot.withdraw();
  await netboot.offer(files);
  await netboot.offer(files);
  t.equal(await maker.told(board), 'first');
  t.equal(await maker.told(board), 'first', 'as often as it asks');
  await netboot.offer({ folder, bootFile: 'second.env' });
  t.equal(await maker.told(board), 'second', 'the last offer counts');
  await netboot.withdraw();
  await netboot.withdraw();
  t.equal(await maker.told(board), undefined, 'and is withdrawn');
  const over = AbortSignal.abort(new Error('given up'));
  await t.rejects(async () => netboot.offer(files, { signal: over }), { message: 'given up' });
  t.equal(await maker.told(board), undefined, 'what was given up is not offered');
  await netboot.offer(files);
  await board[Symbol.asyncDispose]();
}
