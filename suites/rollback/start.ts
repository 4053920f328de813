import type { Bundle, TestContext, UpdatePromise, WantedBundle } from '../../rig/mod.js';
import { promised } from '../board/promised.js';
import { parseOsRelease } from '../facts/os-release.js';

/** Where a test of updates begins: a system that is good and will be booted again. */
export interface Start {
  readonly promise: UpdatePromise;
  /** Name of the slot that runs. */
  readonly slot: string;
  /** Of the system that runs; undefined where it does not tell. */
  readonly version: string | undefined;
}

/** Skips where the product does not update; ends the test where the board is not in the state that every update begins in. */
export async function start(t: TestContext): Promise<Start> {
  const promise = await promised(t, 'update');
  const { booted, next } = await t.board.update.status();
  t.require(next === undefined || next === booted, `slot ${booted} runs and is next`);
  return { promise, slot: booted, version: await runningVersion(t) };
}

/** A bundle for the test; skips where the rig cannot make it. */
export async function bundleOf(t: TestContext, wanted: WantedBundle = {}): Promise<Bundle> {
  const bundle = await t.step(`Get ${wordsFor(wanted)}`, () => t.host.bundle(wanted));
  return bundle ?? t.skip(`the rig cannot make ${wordsFor(wanted)} of this product`);
}

export async function runningVersion({ board }: TestContext): Promise<string | undefined> {
  return parseOsRelease(await board.shell.text('cat /etc/os-release')).get('VERSION_ID');
}

function wordsFor({ version, fault, compatible, signer, damage }: WantedBundle): string {
  const parts = [
    version === undefined ? undefined : `of version ${version}`,
    fault && `with the fault ${fault}`,
    compatible && `for ${compatible}`,
    signer === 'stranger' ? 'signed by a stranger' : undefined,
    damage === 'truncated' ? 'cut short' : damage && 'with one wrong byte',
  ].filter(Boolean);
  return ['an update', ...parts].join(' ');
}
