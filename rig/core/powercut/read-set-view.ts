import { createHash } from 'node:crypto';
import type { CrashState, LogEntry, SectorSet } from '../../contracts/powercut.js';
import type { Contents } from './contents.js';
import { erasedSlot, fromBase, type Layers } from './layers.js';

export interface LogContents {
  readonly entries: readonly LogEntry[];
  readonly layers: Layers;
  readonly contents: Contents;
}

/**
 * What states of a log hold on one set of sectors. Writes that do not touch the set are never looked at, so that states that differ in
 * them alone cost nothing.
 */
export class ReadSetView {
  readonly #log: LogContents;
  /** Those of the set that the log touches, rising; all else is equal in all states. */
  readonly #slots: Int32Array;
  /** The medium with every change before `#durable`, on `#slots`. */
  readonly #base: Int32Array;
  readonly #places = new Map<number, { readonly begin: number; readonly length: number }>();
  #durable = 0;
  /** By the changes that matter: what states of the epoch at `#durable` hold. */
  #known = new Map<string, Int32Array>();
  #compared: { readonly held: Int32Array; readonly differ: Int32Array } | undefined;

  constructor(log: LogContents, read: SectorSet) {
    this.#log = log;
    this.#slots = log.layers.touched.slotsIn(read);
    this.#base = Int32Array.from(this.#slots, (slot) => log.contents.numberOf(slot, fromBase));
  }

  /** Sectors of the set that some state holds otherwise than the others may. */
  get size(): number {
    return this.#slots.length;
  }

  /** The numbers of what `state` holds there; not to be changed. */
  of(state: CrashState): Int32Array {
    this.#advance(state.durable);
    const { torn } = state;
    const relevant = state.kept.filter((entry) => this.#placesOf(entry).length > 0);
    const key = `${relevant.join()}${torn && relevant.includes(torn.entry) ? `+${torn.sectors}x${torn.erased}` : ''}`;
    const known = this.#known.get(key);
    if (known) return known;
    const held = relevant.length === 0 ? this.#base.slice() : this.#apply(relevant, torn);
    this.#known.set(key, held);
    return held;
  }

  #areEqual(one: Int32Array, other: Int32Array): boolean {
    if (one === other) return true;
    for (let index = 0; index < one.length; index += 1) if (one[index] !== other[index]) return false;
    return true;
  }

  /** Whether `state` holds `held`, found out with a look at no more than it takes. */
  holds(state: CrashState, held: Int32Array): boolean {
    this.#advance(state.durable);
    const differ = this.#differencesTo(held);
    // Where the medium differed before the epoch and nothing of the state touches it, it still does.
    let mended = 0;
    let after = 0;
    const touched = state.kept.map((entry) => this.#placesOf(entry)).sort((a, b) => a.begin - b.begin);
    for (const { begin, length } of touched) {
      const from = Math.max(begin, after);
      after = Math.max(after, begin + length);
      mended += (differ[after] ?? 0) - (differ[from] ?? 0);
    }
    return mended === differ.at(-1) && this.#areEqual(held, this.of(state));
  }

  /** Whether an entry changes a sector of the set. */
  touches(entry: number): boolean {
    return this.#placesOf(entry).length > 0;
  }

  /** Whether some state with every change before `durable`, and any of `changes`, may hold `held`: only what those touch can differ. */
  canAgree(
    held: Int32Array,
    { durable, changes }: { readonly durable: number; readonly changes: readonly number[] },
  ): boolean {
    this.#advance(durable);
    const mayDiffer = new Uint8Array(this.#slots.length);
    for (const entry of changes) {
      const { begin, length } = this.#placesOf(entry);
      mayDiffer.fill(1, begin, begin + length);
    }
    return held.every((number, place) => number === this.#base[place] || mayDiffer[place] === 1);
  }

  /** SHA-256 over places and bytes. */
  identityOf(held: Int32Array): string {
    const hash = createHash('sha256');
    for (const [index, slot] of this.#slots.entries())
      hash.update(`${slot} ${this.#log.contents.digestOf(held[index] ?? -1)}\n`);
    return hash.digest('hex');
  }

  /** By place: at how many before it the medium of `#durable` differs from `held`. */
  #differencesTo(held: Int32Array): Int32Array {
    if (this.#compared?.held === held) return this.#compared.differ;
    const differ = new Int32Array(held.length + 1);
    for (let place = 0; place < held.length; place += 1)
      differ[place + 1] = (differ[place] ?? 0) + (held[place] === this.#base[place] ? 0 : 1);
    this.#compared = { held, differ };
    return differ;
  }

  #apply(relevant: readonly number[], torn: CrashState['torn']): Int32Array {
    const held = this.#base.slice();
    for (const entry of relevant) {
      const first = this.#log.layers.firstSlot(entry);
      const isTorn = torn?.entry === entry;
      this.#fill(held, {
        entry,
        from: entry,
        slots: [first, isTorn ? first + torn.sectors : Number.POSITIVE_INFINITY],
      });
      if (!isTorn || torn.erased === 0) continue;
      const erased = first + torn.sectors;
      this.#fill(held, { entry, from: erasedSlot, slots: [erased, erased + torn.erased] });
    }
    return held;
  }

  /** Gives those slots of `entry` that are in the set, and within `slots`, what `from` gave them. */
  #fill(
    held: Int32Array,
    { entry, from, slots }: { entry: number; from: number; slots: readonly [number, number] },
  ): void {
    const { begin, length } = this.#placesOf(entry);
    for (let place = begin; place < begin + length; place += 1) {
      const slot = this.#slots[place] ?? -1;
      if (slot >= slots[0] && slot < slots[1]) held[place] = this.#log.contents.numberOf(slot, from);
    }
  }

  /** Places in `#slots` of what an entry touches. */
  #placesOf(entry: number): { readonly begin: number; readonly length: number } {
    const known = this.#places.get(entry);
    if (known) return known;
    const first = this.#log.layers.firstSlot(entry);
    const begin = first < 0 ? 0 : lowerBound(this.#slots, first);
    const end = first < 0 ? 0 : lowerBound(this.#slots, first + (this.#log.entries[entry]?.sectors ?? 0));
    const found = { begin, length: end - begin };
    this.#places.set(entry, found);
    return found;
  }

  #advance(durable: number): void {
    if (durable === this.#durable) return;
    this.#compared = undefined;
    this.#known = new Map();
    if (durable < this.#durable) {
      for (const [place, slot] of this.#slots.entries())
        this.#base[place] = this.#log.contents.numberOf(slot, fromBase);
      this.#durable = 0;
    }
    for (; this.#durable < durable; this.#durable += 1)
      this.#fill(this.#base, {
        entry: this.#durable,
        from: this.#durable,
        slots: [0, Number.POSITIVE_INFINITY],
      });
  }
}

function lowerBound(sorted: Int32Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
