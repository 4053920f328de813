import { createHash } from 'node:crypto';
import type { Epoch } from './epochs.js';

/**
 * Different sets of an epoch's changes, from a seed: half of them drawn evenly, the other half with only a few changes lost or only a few kept, which is
 * what a cut soon before or after a flush leaves. Sets that no cut can leave (a FUA write lost under a later one) are mended, not skipped.
 */
export function sampleSubsets(
  epoch: Epoch,
  { seed, count }: { readonly seed: number; readonly count: number },
): number[][] {
  const draw = drawer(`${seed} ${epoch.number}`);
  const found = new Map<string, number[]>();
  const { length } = epoch.changes;
  // An epoch with far more sets than are wanted gives a new one nearly each time.
  for (let tries = 0; found.size < count && tries < count * 20; tries += 1) {
    const kept = new Array<boolean>(length).fill(false);
    const shape = tries % 4;
    if (shape < 2) for (const place of kept.keys()) kept[place] = draw(2) === 1;
    else {
      kept.fill(shape === 2);
      const few = 2 + draw(Math.max(1, Math.min(6, length - 2)));
      for (let one = 0; one < few; one += 1) kept[draw(length)] = shape !== 2;
    }
    const last = kept.lastIndexOf(true);
    for (let place = 0; place < last; place += 1) if (epoch.fua[place]) kept[place] = true;
    const places = [...kept.keys()].filter((place) => kept[place]);
    if (isOther(places, length)) found.set(places.join(), places);
  }
  return [...found.values()];
}

/** No boundary, prefix or single loss: those are in any case there. */
function isOther(places: readonly number[], length: number): boolean {
  return places.length < length - 1 && places.length > 0 && places.at(-1) !== places.length - 1;
}

/** Numbers below a bound, from nothing but the seed: SHA-256 in counter mode. */
function drawer(seed: string): (below: number) => number {
  let block = Buffer.alloc(0);
  let used = 0;
  let blocks = 0;
  return (below) => {
    if (used + 4 > block.length) {
      block = createHash('sha256').update(`${seed} ${blocks}`).digest();
      blocks += 1;
      used = 0;
    }
    const drawn = block.readUInt32LE(used);
    used += 4;
    return drawn % below;
  };
}
