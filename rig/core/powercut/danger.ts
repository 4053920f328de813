import {
  type CrashState,
  type LogEntry,
  type Region,
  type RegionKind,
  regionKinds,
} from '../../contracts/powercut.js';
import { type Epoch, epochsOf } from './epochs.js';

/** Where writes are torn at each sector: what firmware and bootloader read, and what a kernel needs to mount. */
export const bootRelevantKinds: ReadonlySet<RegionKind> = new Set([
  'partition-table',
  'bootloader',
  'environment',
  'boot-partition',
  'superblock',
]);

/** What sectors are. */
export type RegionsAt = (sector: number, sectors: number) => readonly Region[];

/** How dangerous states are, by the writes that the cut fell on: those that are missing, half there, the last to be there, or there before a missing one. */
export class Danger {
  readonly #epochs: readonly Epoch[];
  readonly #ranks: readonly number[];

  constructor(entries: readonly LogEntry[], regionsAt: RegionsAt) {
    this.#epochs = epochsOf(entries);
    this.#ranks = entries.map(({ sector, sectors }) =>
      sectors === 0 ? regionKinds.length : rankOf(regionsAt(sector, sectors)),
    );
  }

  /** Place of the most dangerous region in `regionKinds`: the lower, the sooner a boot needs it. */
  of(state: CrashState): number {
    return Math.min(
      regionKinds.length,
      ...this.#edges(state).map((entry) => this.#ranks[entry] ?? regionKinds.length),
    );
  }

  ofEntry(entry: number): number {
    return this.#ranks[entry] ?? regionKinds.length;
  }

  #edges({ kind, epoch: number, kept, torn }: CrashState): readonly number[] {
    const epoch = this.#epochs[number];
    if (!epoch) return [];
    if (torn) return [torn.entry];
    const { changes } = epoch;
    if (kind === 'boundary') return [this.#epochs[number - 1]?.changes.at(-1) ?? -1, changes[0] ?? -1];
    if (kind === 'prefix') return [kept.at(-1) ?? -1, changes[kept.length] ?? -1];
    const present = new Set(kept);
    const last = kept.at(-1) ?? -1;
    const from = changes.findIndex((entry) => !present.has(entry));
    return changes.slice(from).filter((entry) => entry <= last);
  }
}

function rankOf(regions: readonly Region[]): number {
  return Math.min(regionKinds.length, ...regions.map(({ kind }) => regionKinds.indexOf(kind)));
}
