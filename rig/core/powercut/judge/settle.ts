import type { Cancellable } from '../../../contracts/capabilities.js';
import type { CrashState, SectorSet } from '../../../contracts/powercut.js';
import { type Alike, type Boots, type Trial, union } from './trial.js';

export interface SettleOptions<Sight> extends Cancellable {
  /** In the order in which they are to be booted, the first one first. */
  readonly states: readonly CrashState[];
  readonly boots: Boots<Sight>;
  readonly alike: Alike;
  /** Sectors that a boot is likely to read: states that are equal on them are booted one after the other, not beside each other. */
  readonly likely?: SectorSet;
  /** Boots at a time. */
  readonly jobs: number;
  /** Boots that were made already. */
  readonly known?: readonly Trial<Sight>[];
  /** Asked before each boot: no more time for one. */
  readonly over?: () => boolean;
  readonly onTrial?: (trial: Trial<Sight>) => void | Promise<void>;
  /** Whether two boots of states that cannot be told apart showed the same. */
  readonly agree: (one: Sight, other: Sight) => boolean;
  /** Called with a boot that does not agree with the one that had settled its state by then: a defect of the explorer. */
  readonly onContradiction: (trial: Trial<Sight>) => void;
  /** Called whenever states were settled. */
  readonly onProgress?: (progress: { readonly settled: number; readonly of: number }) => void;
}

/** What is known of each state, by its name; states without an entry are left. */
export type Settled<Sight> = ReadonlyMap<string, Trial<Sight>>;

/**
 * Settles states by as few boots as it takes: a boot settles every state that holds the same bytes on all that it read, since
 * from those its boot could not have gone another way.
 *
 * @throws what `boots` throws; the signal's reason
 */
export async function settle<Sight>(options: SettleOptions<Sight>): Promise<Settled<Sight>> {
  const { states, alike } = options;
  const settled = new Map<string, Trial<Sight>>();
  const byName = new Map(states.map((state) => [state.name, state]));
  let waiting = [...states];
  /** What any boot has read so far: states that are equal on it are expected to be settled by one boot. */
  let everRead: SectorSet = options.likely ?? new Float64Array();
  const underWay = new Set<CrashState>();
  const freed = new Set<() => void>();
  let failed = false;

  const took = async (trial: Trial<Sight>): Promise<void> => {
    const booted = byName.get(trial.state);
    if (!booted) return;
    everRead = union(everRead, trial.read);
    const same = await alike(waiting, booted, trial.read);
    const before = settled.get(booted.name);
    // A boot beside it may have settled it meanwhile: where the two differ, what its own boot showed counts.
    const isContradiction = before !== undefined && !options.agree(before.sight, trial.sight);
    if (isContradiction) options.onContradiction(trial);
    if (before === undefined || isContradiction) settled.set(booted.name, trial);
    for (const state of same) if (!settled.has(state.name)) settled.set(state.name, trial);
    waiting = waiting.filter((state) => !settled.has(state.name));
    options.onProgress?.({ settled: settled.size, of: states.length });
  };

  /** The next state that no boot under way is expected to settle. */
  const next = async (): Promise<CrashState | undefined> => {
    let free = waiting.filter((state) => !underWay.has(state));
    if (everRead.length > 0)
      for (const state of underWay) {
        const same = new Set(await alike(free, state, everRead));
        free = free.filter((each) => !same.has(each));
      }
    return free[0];
  };

  const work = async (worker: number): Promise<void> => {
    for (;;) {
      options.signal?.throwIfAborted();
      if (failed || waiting.length === 0 || options.over?.()) return;
      const state = await next();
      if (!state || settled.has(state.name) || underWay.has(state)) {
        if (state) continue;
        if (underWay.size === 0) return;
        await new Promise<void>((resolve) => freed.add(resolve));
        continue;
      }
      underWay.add(state);
      try {
        const trial = await options.boots(state, { worker, signal: options.signal });
        await options.onTrial?.(trial);
        await took(trial);
      } catch (error) {
        failed = true;
        throw error;
      } finally {
        underWay.delete(state);
        for (const free of freed) free();
        freed.clear();
      }
    }
  };

  for (const trial of options.known ?? []) await took(trial);
  const workers = Array.from({ length: options.jobs }, (_, worker) => work(worker));
  const ends = await Promise.allSettled(workers);
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure) throw failure.reason;
  return settled;
}
