import {
  type CrashState,
  type Enumeration,
  type EnumerationCount,
  type LogEntry,
  type MediumModel,
  type SampledEpoch,
  type StateKind,
  stateKinds,
} from '../../contracts/powercut.js';
import { countKeptSets, type Epoch, epochsOf } from './epochs.js';
import { sampleSubsets } from './sample-subsets.js';
import { makeState, stateOfPlaces } from './states.js';

export interface EnumerateOptions {
  readonly model: MediumModel;
  readonly seed: number;
  /** Whether a sector matters to a boot; writes are torn only there. Absent: everywhere. */
  readonly isRelevant?: (sector: number) => boolean;
  /** All subsets of an epoch with at most so many changes. */
  readonly allSubsetsUpTo?: number;
  /** So many subsets of each larger one. */
  readonly sampledSubsets?: number;
  /** Sectors that a card programs as one (its page): 16 KiB is common. */
  readonly pageSectors?: number;
}

const defaults = { allSubsetsUpTo: 10, sampledSubsets: 256, pageSectors: 32 } as const;

/**
 * The states that a power cut can leave, each once as a set of writes, in the order of the log; two of them may still hold the same
 * bytes. A state of a whole epoch is the boundary of the next one.
 */
export function enumerate(entries: readonly LogEntry[], options: EnumerateOptions): Enumeration {
  const settings = { ...defaults, ...options };
  const tally = new Tally();
  const states: CrashState[] = [];
  const sampled: SampledEpoch[] = [];
  let notTorn = { writes: 0, states: 0n };
  for (const epoch of epochsOf(entries)) {
    // Not spread into `push`: a bulk write may be torn in more places than a call has arguments.
    const take = (kind: StateKind, made: readonly CrashState[], of?: bigint): void => {
      for (const state of made) states.push(state);
      tally.add(kind, made.length, of);
    };
    take('boundary', [makeState(epoch, { kind: 'boundary' })]);
    take('prefix', prefixes(epoch));
    if (options.model === 'write-back') {
      take('lost', singleLosses(epoch));
      const found = subsets(epoch, settings);
      take('subset', found.states, found.of);
      if (BigInt(found.states.length) < found.of)
        sampled.push({
          epoch: epoch.number,
          writes: epoch.changes.length,
          states: found.states.length,
          of: found.of.toString(),
        });
    }
    const torn = tornStates(epoch, entries, settings);
    take('torn', torn.states, BigInt(torn.states.length) + torn.left);
    notTorn = { writes: notTorn.writes + torn.writesLeft, states: notTorn.states + torn.left };
  }
  return {
    model: options.model,
    seed: options.seed,
    states,
    counts: tally.counts(),
    sampled,
    notTorn: { writes: notTorn.writes, states: notTorn.states.toString() },
  };
}

class Tally {
  readonly #made = new Map<StateKind, { states: number; of: bigint }>();

  add(kind: StateKind, states: number, of = BigInt(states)): void {
    const before = this.#made.get(kind) ?? { states: 0, of: 0n };
    this.#made.set(kind, { states: before.states + states, of: before.of + of });
  }

  counts(): EnumerationCount[] {
    return stateKinds.map((kind) => {
      const { states, of } = this.#made.get(kind) ?? { states: 0, of: 0n };
      return { kind, states, of: of.toString() };
    });
  }
}

/** The first changes of an epoch; all of them only where no boundary follows. */
function prefixes(epoch: Epoch): CrashState[] {
  const count = epoch.changes.length - (epoch.isLast ? 0 : 1);
  return Array.from({ length: Math.max(0, count) }, (_, place) =>
    makeState(epoch, { kind: 'prefix', place }),
  );
}

/** All changes but one, which is not the last: that would be a prefix. */
function singleLosses(epoch: Epoch): CrashState[] {
  return epoch.changes.slice(0, -1).flatMap((_, place) =>
    // What follows a FUA write has it under it.
    epoch.fua[place] ? [] : [makeState(epoch, { kind: 'lost', place })],
  );
}

/** What is neither boundary nor prefix nor single loss. */
function subsets(
  epoch: Epoch,
  { allSubsetsUpTo, sampledSubsets, seed }: Required<Omit<EnumerateOptions, 'isRelevant'>>,
): { readonly states: CrashState[]; readonly of: bigint } {
  const { length } = epoch.changes;
  const losses = epoch.fua.slice(0, -1).filter((fua) => !fua).length;
  // The empty set, and every prefix up to the whole; a single loss is none of those.
  const of = countKeptSets(epoch) - 1n - BigInt(length) - BigInt(losses);
  if (of <= 0n) return { states: [], of: 0n };
  const isAll = length <= allSubsetsUpTo || of <= BigInt(sampledSubsets);
  const sets = isAll ? allSets(epoch) : sampleSubsets(epoch, { seed, count: sampledSubsets });
  return {
    states: sets.map((places) => stateOfPlaces(epoch, places)).filter(({ kind }) => kind === 'subset'),
    of,
  };
}

/** Every set of changes that can be kept, by whether each of them is. */
function allSets(epoch: Epoch): number[][] {
  // `open`: a FUA write was lost, so nothing may follow.
  let sets: { readonly places: number[]; readonly open: boolean }[] = [{ places: [], open: true }];
  for (const [place, fua] of epoch.fua.entries())
    sets = sets.flatMap((set) => [
      { places: set.places, open: set.open && !fua },
      ...(set.open ? [{ places: [...set.places, place], open: true }] : []),
    ]);
  return sets.map(({ places }) => places);
}

interface TornStates {
  readonly states: CrashState[];
  /** Positions, and writes with any, that were left out since they matter to no boot. */
  readonly left: bigint;
  readonly writesLeft: number;
}

function tornStates(
  epoch: Epoch,
  entries: readonly LogEntry[],
  { model, isRelevant = () => true, pageSectors }: EnumerateOptions & { readonly pageSectors: number },
): TornStates {
  const states: CrashState[] = [];
  let left = 0n;
  let writesLeft = 0;
  for (const [place, number] of epoch.changes.entries()) {
    const entry = entries[number];
    if (entry?.kind !== 'write') continue;
    const before = left;
    for (let sectors = 0; sectors < entry.sectors; sectors += 1) {
      const at = entry.sector + sectors;
      const erasing = model === 'sd-card' ? [0, pageRest(at, { pageSectors, entry })] : [0];
      // Nothing of it written and nothing erased is the state before it.
      const cuts = erasing.filter((erased) => sectors > 0 || erased > 0);
      if (isRelevant(at) || (sectors > 0 && isRelevant(at - 1)))
        for (const erased of cuts) states.push(makeState(epoch, { kind: 'torn', place, sectors, erased }));
      else left += BigInt(cuts.length);
    }
    if (left > before) writesLeft += 1;
  }
  return { states, left, writesLeft };
}

/** Sectors from `at` to the end of its page, or of the write where that comes first. */
function pageRest(
  at: number,
  { pageSectors, entry }: { readonly pageSectors: number; readonly entry: LogEntry },
): number {
  const pageEnd = (Math.floor(at / pageSectors) + 1) * pageSectors;
  return Math.min(pageEnd, entry.sector + entry.sectors) - at;
}
