import type { LogEntry, MediumModel } from '../../contracts/powercut.js';
import { isChange } from './touched.js';

/** What lies between two flushes. */
export interface Epoch {
  readonly number: number;
  /** Every change before this entry is on the medium when the epoch begins. */
  readonly from: number;
  /** Its writes and discards, rising. Only the last epoch may have none. */
  readonly changes: readonly number[];
  /** Bits of `changes`: on the medium itself when it completed, so that no state has what follows it and lacks it. */
  readonly fua: readonly boolean[];
  /** The log ends in it: nothing says that it was flushed. */
  readonly isLast: boolean;
}

/**
 * The epochs of a log. A flush that comes with a write is carried out before it; flushes with nothing between them are one.
 * The last epoch is what follows the last flush, empty where nothing does.
 */
export function epochsOf(entries: readonly LogEntry[]): Epoch[] {
  const epochs: Epoch[] = [];
  let from = 0;
  let changes: LogEntry[] = [];
  const close = (isLast: boolean): void => {
    epochs.push({
      number: epochs.length,
      from,
      changes: changes.map(({ number }) => number),
      fua: changes.map(({ fua }) => fua),
      isLast,
    });
    changes = [];
  };
  for (const entry of entries) {
    if (entry.flush && changes.length > 0) {
      close(false);
      from = entry.kind === 'flush' ? entry.number + 1 : entry.number;
    }
    if (isChange(entry)) changes.push(entry);
  }
  close(true);
  return epochs;
}

/** Whether a cut can leave exactly the `kept` changes of an epoch, given as their rising places in it. */
export function canBeKept(epoch: Epoch, kept: readonly number[], model: MediumModel): boolean {
  const last = kept.at(-1) ?? -1;
  if (model !== 'write-back') return kept.length === last + 1;
  let next = 0;
  for (let place = 0; place <= last; place += 1) {
    if (kept[next] === place) next += 1;
    else if (epoch.fua[place]) return false;
  }
  return true;
}

/** How many sets of changes a write-back cache can leave of an epoch, the empty and the whole one among them. */
export function countKeptSets({ changes, fua }: Epoch): bigint {
  // By the last one kept: all FUA before it are there, each of the others may be.
  let sets = 1n;
  let free = 1n;
  for (const index of changes.keys()) {
    sets += free;
    if (!fua[index]) free *= 2n;
  }
  return sets;
}
