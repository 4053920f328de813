import { type LogEntry, type SectorSet, sectorBytes } from '../../contracts/powercut.js';

/** An entry that changes what the medium holds. */
export function isChange({ kind }: LogEntry): boolean {
  return kind === 'write' || kind === 'discard';
}

/**
 * The sectors that a log touches, numbered without gaps ("slots"): all else is the same in every state. A slot range of one entry is
 * without gaps too.
 */
export class TouchedSectors {
  /** Rising stretches that do not touch. */
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  readonly #firstSlots: Int32Array;
  readonly slots: number;

  constructor(entries: readonly LogEntry[]) {
    const changes = entries.filter(isChange).sort((a, b) => a.sector - b.sector);
    const starts: number[] = [];
    const ends: number[] = [];
    for (const { sector, sectors } of changes) {
      const last = ends.length - 1;
      const end = sector + sectors;
      if (last >= 0 && sector <= (ends[last] ?? 0)) ends[last] = Math.max(ends[last] ?? 0, end);
      else {
        starts.push(sector);
        ends.push(end);
      }
    }
    this.#starts = Float64Array.from(starts);
    this.#ends = Float64Array.from(ends);
    this.#firstSlots = new Int32Array(starts.length);
    let slots = 0;
    for (const [index, start] of starts.entries()) {
      this.#firstSlots[index] = slots;
      slots += (ends[index] ?? 0) - start;
    }
    this.slots = slots;
  }

  get bytes(): number {
    return this.slots * sectorBytes;
  }

  /** Slot of a sector that the log touches. */
  slotOf(sector: number): number {
    const index = this.#stretchAt(sector);
    return (this.#firstSlots[index] ?? 0) + sector - (this.#starts[index] ?? 0);
  }

  /** Stretches of sectors with the slot that each begins with. */
  *stretches(): Generator<{ readonly sector: number; readonly sectors: number; readonly slot: number }> {
    for (let index = 0; index < this.#starts.length; index += 1) {
      const sector = this.#starts[index] ?? 0;
      yield { sector, sectors: (this.#ends[index] ?? 0) - sector, slot: this.#firstSlots[index] ?? 0 };
    }
  }

  /** Slots of those sectors of `set` that the log touches, rising. */
  slotsIn(set: SectorSet): Int32Array {
    const found: number[] = [];
    for (let pair = 0; pair + 1 < set.length; pair += 2) {
      const from = set[pair] ?? 0;
      const to = from + (set[pair + 1] ?? 0);
      for (let index = this.#firstEndingAfter(from); index < this.#starts.length; index += 1) {
        const start = this.#starts[index] ?? 0;
        if (start >= to) break;
        const slot = this.#firstSlots[index] ?? 0;
        const last = Math.min(to, this.#ends[index] ?? 0);
        for (let sector = Math.max(from, start); sector < last; sector += 1)
          found.push(slot + sector - start);
      }
    }
    return Int32Array.from(found);
  }

  #stretchAt(sector: number): number {
    const index = this.#firstEndingAfter(sector);
    if (index >= this.#starts.length || sector < (this.#starts[index] ?? 0))
      throw new Error(`the log does not touch sector ${sector}`);
    return index;
  }

  #firstEndingAfter(sector: number): number {
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ends[middle] ?? 0) > sector) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
