import { installsItself, type TestContext } from '../../rig/mod.js';
import { partitionSum } from '../board/partition-sum.js';
import type { Start } from './start.js';

/** The sum of each slot's bytes, by the slot's name. */
export type SlotSums = Readonly<Record<string, string>>;

/** Shuts the board down and reads its slots from outside; skips where the rig cannot take the medium out. */
export async function slotsOnMedium(t: TestContext, from: Pick<Start, 'promise'>): Promise<SlotSums> {
  await t.board.shutdown();
  return t.board.medium.atRig((drive) => sumsOf(t, from, { path: drive.path, of: 'the medium' }));
}

/** The slots as the run's image has them; skips where nobody knows them. */
export async function slotsOfImage(t: TestContext, from: Pick<Start, 'promise'>): Promise<SlotSums> {
  const { image, type } = t.board;
  if (!image) return t.skip('nobody knows which image is on the medium');
  if (installsItself(type)) return t.skip('the image of the run is a flasher, which installs another one');
  return sumsOf(t, from, { path: image.path, of: 'the image' });
}

async function sumsOf(
  t: TestContext,
  { promise }: Pick<Start, 'promise'>,
  { path, of }: { readonly path: string; readonly of: string },
): Promise<SlotSums> {
  const found = await t.host.observe(`the slots of ${of}`, async () => {
    const sums: Record<string, string> = {};
    for (const [name, label] of Object.entries(promise.slots)) {
      const sum = await partitionSum(path, label);
      if (sum) sums[name] = sum.sha256;
    }
    return sums;
  });
  for (const [name, label] of Object.entries(promise.slots))
    t.require(found[name], `${of} has the partition ${label} of slot ${name}`);
  return found;
}

/** The names of the slots that the board does not run from. */
export function otherSlots({ promise, slot }: Start): readonly string[] {
  return Object.keys(promise.slots).filter((name) => name !== slot);
}
