import type { Test } from 'tap';
import type { BootFiles } from '../../rig/contracts/capabilities.js';
import type { Device } from '../../rig/contracts/driver.js';

export interface NetbootMaker {
  open(): Promise<Device>;
  /** What a board that asks the network now is told; undefined: nothing. */
  told(): Promise<BootFiles | undefined>;
}

/** What every driver that gives `netboot` keeps. */
export async function netbootConformance(t: Test, { open, told }: NetbootMaker): Promise<void> {
  const files = { folder: '/srv/with, comma', bootFile: 'first.scr' };
  const device = await open();
  const { netboot } = device.capabilities;
  if (!netboot) return void t.fail('the device gives no netboot');
  t.equal(await told(), undefined, 'nothing is offered at first');
  await netboot.withdraw();
  await netboot.offer(files);
  await netboot.offer(files);
  t.same(await told(), files);
  const other = { ...files, bootFile: 'second.scr' };
  await netboot.offer(other);
  t.same(await told(), other, 'the last offer counts');
  await netboot.withdraw();
  await netboot.withdraw();
  t.equal(await told(), undefined, 'and is withdrawn');
  await netboot.offer(files);
  await device[Symbol.asyncDispose]();
  t.equal(await told(), undefined, 'the end of a session withdraws');
}
