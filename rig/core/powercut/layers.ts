import {
  type CrashState,
  type LogEntry,
  sectorBytes,
  type ViewExtents,
  viewSource,
} from '../../contracts/powercut.js';
import { isChange, TouchedSectors } from './touched.js';

/** What a slot holds when no entry gave it its bytes. */
export const fromBase = -1;
export const erasedSlot = -2;

/** For each state of one log, which entry gave each touched sector its bytes: newest wins. */
export class Layers {
  readonly touched: TouchedSectors;
  readonly #entries: readonly LogEntry[];
  /** First slot of each entry; -1 for those that change nothing. */
  readonly #firstSlots: Int32Array;
  /** The medium when every entry before `#durable` is on it; states come in the order of the log. */
  #newest: Int32Array;
  #durable = 0;

  constructor(entries: readonly LogEntry[]) {
    this.#entries = entries;
    this.touched = new TouchedSectors(entries);
    this.#firstSlots = Int32Array.from(entries, (entry) =>
      isChange(entry) ? this.touched.slotOf(entry.sector) : -1,
    );
    this.#newest = new Int32Array(this.touched.slots).fill(fromBase);
  }

  /** @returns -1 for an entry that changes nothing */
  firstSlot(entry: number): number {
    return this.#firstSlots[entry] ?? -1;
  }

  /** The entry of each slot, `fromBase` or `erasedSlot`. */
  newestOf({ durable, kept, torn }: Pick<CrashState, 'durable' | 'kept' | 'torn'>): Int32Array {
    this.#advance(durable);
    const newest = this.#newest.slice();
    for (const number of kept) {
      const entry = this.#entries[number];
      const slot = this.firstSlot(number);
      if (!entry || slot < 0) continue;
      if (torn?.entry !== number) newest.fill(number, slot, slot + entry.sectors);
      else {
        newest.fill(number, slot, slot + torn.sectors);
        newest.fill(erasedSlot, slot + torn.sectors, slot + torn.sectors + torn.erased);
      }
    }
    return newest;
  }

  /** The state as stretches of the log's files. */
  extentsOf(state: Pick<CrashState, 'durable' | 'kept' | 'torn'>): ViewExtents {
    const newest = this.newestOf(state);
    const builder = new ExtentBuilder();
    for (const stretch of this.touched.stretches()) {
      for (let done = 0; done < stretch.sectors; ) {
        const number = newest[stretch.slot + done] ?? fromBase;
        let count = 1;
        while (done + count < stretch.sectors && newest[stretch.slot + done + count] === number) count += 1;
        if (number !== fromBase)
          builder.add({ sector: stretch.sector + done, sectors: count, entry: this.#entries[number] });
        done += count;
      }
    }
    return builder.finish();
  }

  #advance(durable: number): void {
    if (durable < this.#durable) {
      this.#newest.fill(fromBase);
      this.#durable = 0;
    }
    for (; this.#durable < durable; this.#durable += 1) {
      const slot = this.firstSlot(this.#durable);
      const entry = this.#entries[this.#durable];
      if (slot >= 0 && entry) this.#newest.fill(this.#durable, slot, slot + entry.sectors);
    }
  }
}

class ExtentBuilder {
  readonly #sector: number[] = [];
  readonly #sectors: number[] = [];
  readonly #source: number[] = [];
  readonly #file: number[] = [];
  readonly #offset: number[] = [];

  /** @param extent `entry`: undefined for erased flash */
  add(extent: { sector: number; sectors: number; entry: LogEntry | undefined }): void {
    const { sector, sectors, entry } = extent;
    this.#sector.push(sector);
    this.#sectors.push(sectors);
    const isLog = entry?.kind === 'write';
    // What is discarded reads as zeros, as on the medium that was recorded.
    this.#source.push(isLog ? viewSource.log : entry ? viewSource.zeros : viewSource.erased);
    this.#file.push(isLog ? entry.file : 0);
    this.#offset.push(isLog ? entry.offset + (sector - entry.sector) * sectorBytes : 0);
  }

  finish(): ViewExtents {
    return {
      count: this.#sector.length,
      sector: Float64Array.from(this.#sector),
      sectors: Float64Array.from(this.#sectors),
      source: Uint8Array.from(this.#source),
      file: Int32Array.from(this.#file),
      offset: Float64Array.from(this.#offset),
    };
  }
}
