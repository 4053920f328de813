import type { Region, RegionKind } from '../../contracts/powercut.js';

/** Finds what sectors are, among regions of which the first in the list counts where they overlap. */
export class RegionMap {
  /** Rising borders; between each and the next one lies one region, or none. */
  readonly #borders: Float64Array;
  readonly #regions: readonly (Region | undefined)[];

  constructor(regions: readonly Region[]) {
    const borders = new Set(regions.flatMap(({ sector, sectors }) => [sector, sector + sectors]));
    this.#borders = Float64Array.from([...borders].sort((a, b) => a - b));
    const owners = new Array<Region | undefined>(this.#borders.length);
    // From the last to the first, each over what is there.
    for (const region of [...regions].reverse())
      owners.fill(region, this.#indexOf(region.sector), this.#indexOf(region.sector + region.sectors));
    this.#regions = owners;
  }

  /** The regions that a range touches, in the order of the medium, each once. */
  at(sector: number, sectors: number): Region[] {
    const found = new Set<Region>();
    const end = sector + sectors;
    for (let index = Math.max(0, this.#indexOf(sector)); index < this.#regions.length; index += 1) {
      if ((this.#borders[index] ?? end) >= end) break;
      const region = this.#regions[index];
      if (region) found.add(region);
    }
    return [...found];
  }

  /** Whether a sector lies in a region of one of `kinds`. */
  isAnyOf(kinds: ReadonlySet<RegionKind>): (sector: number) => boolean {
    return (sector) => {
      const region = this.#regions[this.#indexOf(sector)];
      return region !== undefined && kinds.has(region.kind);
    };
  }

  /** Index of the last border at or before a sector; -1 before the first one. */
  #indexOf(sector: number): number {
    let low = 0;
    let high = this.#borders.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#borders[middle] ?? 0) <= sector) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
