import type { Bundle, SlotBoot, TestContext } from '../../rig/mod.js';
import { runningVersion, type Start } from './start.js';

/** Installs `bundle`: the old system still runs then, and the other slot is next. */
export async function install(t: TestContext, bundle: Bundle): Promise<void> {
  await t.step('Install it', async () => {
    const began = performance.now();
    await t.board.update.install(bundle);
    t.measure('update.install', Math.round(performance.now() - began), 'ms');
  });
}

/** Reboots into what was installed, and shows that it comes up by itself, at once, in the other slot. @returns the new start */
export async function comesUp(t: TestContext, bundle: Bundle, from: Start): Promise<Start> {
  return t.step('Reboot into it', async () => {
    const boots = await t.board.update.settle();
    const { booted, next, slots } = await t.board.update.status();
    t.not(booted, from.slot, 'the other slot runs');
    if (next !== undefined) t.equal(next, booted, 'and is next');
    t.not(slots.find(({ name }) => name === booted)?.health, 'bad', 'the product does not hold it bad');
    if (boots.length > 0) t.same(boots.map(summary), [`${booted} good`], 'it took one boot, which is good');
    const version = await runningVersion(t);
    if (bundle.version !== undefined) t.equal(version, bundle.version, 'the version of the update runs');
    return { ...from, slot: booted, version };
  });
}

/** The old system runs in the old slot, is next and good. */
export async function assertOldSystem(t: TestContext, from: Start): Promise<void> {
  const { booted, next, slots } = await t.board.update.status();
  t.equal(booted, from.slot, 'the old slot runs');
  if (next !== undefined) t.equal(next, from.slot, 'and is next');
  t.not(slots.find(({ name }) => name === from.slot)?.health, 'bad', 'the product does not hold it bad');
  t.equal(await runningVersion(t), from.version, 'with the old version');
}

export function summary({ slot, verdict }: SlotBoot): string {
  return `${slot} ${verdict}`;
}
