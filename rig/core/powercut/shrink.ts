import type { Cancellable } from '../../contracts/capabilities.js';
import type { CrashState, LogEntry, MediumModel } from '../../contracts/powercut.js';
import { canBeKept, type Epoch, epochsOf } from './epochs.js';
import { minimise } from './minimise.js';
import { makeState, stateOfPlaces } from './states.js';

export interface ShrinkOptions extends Cancellable {
  readonly entries: readonly LogEntry[];
  readonly model: MediumModel;
  /** Whether a state is as bad as the one to be shrunk. Asked once for each state. */
  readonly isBad: (state: CrashState) => Promise<boolean>;
  /** So many states are tried at most. */
  readonly maxTries?: number;
}

export interface Shrunk {
  readonly state: CrashState;
  /** `kept`: bad because these writes are on the medium; `lost`: because these are not. */
  readonly because: 'kept' | 'lost';
  /** Rising numbers of entries; none where the medium was bad before the operation. */
  readonly writes: readonly number[];
  readonly tried: number;
  /** Nothing can be left out; false when the tries were used up first. */
  readonly isMinimal: boolean;
}

const defaultMaxTries = 200;

/**
 * Finds what makes a state bad: the fewest writes over a sound medium that have to be there, or the fewest that have to be missing from their
 * epoch, whichever are fewer. Only states that a cut can leave are tried.
 */
export async function shrink(found: CrashState, options: ShrinkOptions): Promise<Shrunk> {
  const search = new Search(options);
  const start = await search.overSoundBoundary(found);
  if (!start) return search.result(found, { because: 'kept', writes: [] });
  const { epoch, state } = await search.withoutTear(start);
  const { changes } = epoch;
  const places = state.kept.map((entry) => changes.indexOf(entry));
  const entriesOf = (some: readonly number[]): number[] => some.map((place) => changes[place] ?? -1);

  if (state.torn) {
    const { torn } = state;
    // The torn write stays the last one: what is before it is taken away as far as the model has such a state.
    const before = await minimise(places.slice(0, -1), (some) =>
      search.isBadTorn(epoch, { before: some, torn }),
    );
    const smallest = search.tornState(epoch, { before, torn });
    return search.result(smallest ?? state, {
      because: 'kept',
      writes: entriesOf([...before, changes.indexOf(torn.entry)]),
    });
  }
  const kept = await minimise(places, (some) => search.isBadSet(epoch, some));
  const missing = [...changes.keys()].filter((place) => !places.includes(place));
  const lost = await minimise(missing, (some) =>
    search.isBadSet(
      epoch,
      [...changes.keys()].filter((place) => !some.includes(place)),
    ),
  );
  if (lost.length === 0 || kept.length <= lost.length)
    return search.result(stateOfPlaces(epoch, kept), { because: 'kept', writes: entriesOf(kept) });
  const rest = [...changes.keys()].filter((place) => !lost.includes(place));
  return search.result(stateOfPlaces(epoch, rest), { because: 'lost', writes: entriesOf(lost) });
}

interface InEpoch {
  readonly epoch: Epoch;
  readonly state: CrashState;
}

class Search {
  readonly #options: ShrinkOptions;
  readonly #epochs: readonly Epoch[];
  readonly #known = new Map<string, boolean>();
  #tried = 0;
  #gaveUp = false;

  constructor(options: ShrinkOptions) {
    this.#options = options;
    this.#epochs = epochsOf(options.entries);
  }

  /** The same medium as an epoch's writes over a boundary that is not bad; undefined when it was bad from the beginning. */
  async overSoundBoundary(state: CrashState): Promise<InEpoch | undefined> {
    let current = state;
    for (let epoch = this.#epochs[state.epoch]; epoch; epoch = this.#epochs[epoch.number - 1]) {
      if (!(await this.#isBad(makeState(epoch, { kind: 'boundary' })))) return { epoch, state: current };
      const before = this.#epochs[epoch.number - 1];
      if (before) current = stateOfPlaces(before, [...before.changes.keys()]);
    }
    return undefined;
  }

  /** The state without its tear where it is as bad whole, or without the torn write. */
  async withoutTear({ epoch, state }: InEpoch): Promise<InEpoch> {
    if (!state.torn) return { epoch, state };
    const places = state.kept.map((entry) => epoch.changes.indexOf(entry));
    for (const some of [places.slice(0, -1), places])
      if (await this.isBadSet(epoch, some)) return { epoch, state: stateOfPlaces(epoch, some) };
    return { epoch, state };
  }

  async isBadSet(epoch: Epoch, places: readonly number[]): Promise<boolean> {
    if (!canBeKept(epoch, places, this.#options.model)) return false;
    return await this.#isBad(stateOfPlaces(epoch, places));
  }

  async isBadTorn(epoch: Epoch, parts: TornParts): Promise<boolean> {
    const state = this.tornState(epoch, parts);
    return state !== undefined && (await this.#isBad(state));
  }

  /** @returns undefined where the model has no such state */
  tornState(epoch: Epoch, { before, torn }: TornParts): CrashState | undefined {
    const place = epoch.changes.indexOf(torn.entry);
    const places = [...before, place];
    if (!canBeKept(epoch, places, this.#options.model)) return undefined;
    const { sectors, erased } = torn;
    if (before.length === place) return makeState(epoch, { kind: 'torn', place, sectors, erased });
    return makeState(epoch, { kind: 'torn', place, sectors, erased, before });
  }

  result(state: CrashState, { because, writes }: Pick<Shrunk, 'because' | 'writes'>): Shrunk {
    return { state, because, writes, tried: this.#tried, isMinimal: !this.#gaveUp };
  }

  async #isBad(state: CrashState): Promise<boolean> {
    const known = this.#known.get(state.name);
    if (known !== undefined) return known;
    this.#options.signal?.throwIfAborted();
    if (this.#tried >= (this.#options.maxTries ?? defaultMaxTries)) {
      this.#gaveUp = true;
      return false;
    }
    this.#tried += 1;
    const isBad = await this.#options.isBad(state);
    this.#known.set(state.name, isBad);
    return isBad;
  }
}

interface TornParts {
  readonly before: readonly number[];
  readonly torn: NonNullable<CrashState['torn']>;
}
