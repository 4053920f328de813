import type { Cancellable } from '../../../contracts/capabilities.js';
import type { CrashState } from '../../../contracts/powercut.js';
import type { Verdict } from '../../../contracts/powercut-verdict.js';
import type { Random } from '../../../contracts/random.js';
import type { BootSight } from './boot-judge.js';
import { type Settled, settle } from './settle.js';
import { type Alike, type Boots, type Trial, union } from './trial.js';

/** The tiers of judging, cheapest first. `check`: a state that was settled without a boot is judged fully all the same. */
export type Tier = 'boot' | 'full' | 'check';

/** One boot that was made, for who keeps them. */
export type MadeTrial =
  | { readonly tier: 'boot'; readonly trial: Trial<BootSight> }
  | { readonly tier: 'full' | 'check'; readonly trial: Trial<Verdict> };

export interface ExploreOptions extends Cancellable {
  /** In the order in which they matter: with a budget, what is first is judged first. */
  readonly states: readonly CrashState[];
  readonly alike: Alike;
  readonly toBootloader: Boots<BootSight>;
  readonly fully: Boots<Verdict>;
  readonly jobs: number;
  readonly random: Random;
  /** Boots of an earlier exploration of the same states. */
  readonly known: readonly MadeTrial[];
  readonly over: () => boolean;
  readonly onTrial: (made: MadeTrial) => void | Promise<void>;
  readonly onProgress: (progress: { tier: Tier; settled: number; of: number }) => void;
}

export interface Explored {
  /** By the state's name; states without one are left. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
  /** The boot that each verdict stands on, by the state's name. */
  readonly trials: ReadonlyMap<string, Trial<unknown>>;
  /** States that some boot tells apart from all others. */
  readonly distinct: number;
  /** Boots made, those of earlier explorations included. */
  readonly booted: number;
  readonly checked: { readonly states: number; readonly disagreed: readonly string[] };
}

/** Of the states settled without a boot, so many are booted all the same. */
const checkedShare = 0.01;

/**
 * Judges every state: the bootloader's word first, for all, since it is cheap; then, for those that the bootloader boots, the
 * full judgement; each boot settles all states that it could not have told from its own. Last, a sample of what was settled
 * without a boot is booted.
 */
export async function explore(options: ExploreOptions): Promise<Explored> {
  const { states, alike, jobs, known, over, signal, onProgress } = options;
  let boots = known.length;
  const onTrial: ExploreOptions['onTrial'] = (made) => {
    boots += 1;
    return options.onTrial(made);
  };
  const contradicted = new Set<string>();
  const onContradiction = ({ state }: Trial<unknown>): void => void contradicted.add(state);
  const booted = await settle({
    ...{ states, alike, jobs, over, signal },
    boots: options.toBootloader,
    agree: (one, other) => one.brick === other.brick && one.choice?.slot === other.choice?.slot,
    onContradiction,
    known: known.flatMap((made) => (made.tier === 'boot' ? [made.trial] : [])),
    onTrial: (trial) => onTrial({ tier: 'boot', trial }),
    onProgress: (progress) => onProgress({ tier: 'boot', ...progress }),
  });
  const bootable = states.filter(
    ({ name }) => booted.get(name)?.sight.brick === undefined && booted.has(name),
  );
  const full = await settle({
    states: bootable,
    likely: [...booted.values()].map(({ read }) => read).reduce(union, new Float64Array()),
    ...{ alike, jobs, over, signal },
    boots: options.fully,
    known: known.flatMap((made) => (made.tier === 'full' ? [made.trial] : [])),
    onTrial: (trial) => onTrial({ tier: 'full', trial }),
    ...{ agree, onContradiction },
    onProgress: (progress) => onProgress({ tier: 'full', ...progress }),
  });
  const verdicts = new Map<string, Verdict>();
  const trials = new Map<string, Trial<unknown>>();
  for (const { name } of states) {
    const trial = full.get(name) ?? booted.get(name);
    const verdict = verdictOf(name, { booted, full });
    if (!verdict || !trial) continue;
    verdicts.set(name, verdict);
    trials.set(name, trial);
  }
  const { checked, otherwise } = await check({ ...options, onTrial }, { verdicts });
  // What was seen counts more than what was concluded: a brick is one, whatever the boot of another state made of it.
  for (const trial of otherwise) {
    verdicts.set(trial.state, trial.sight);
    trials.set(trial.state, trial);
    contradicted.add(trial.state);
  }
  const made = new Set([...trials.values()].map(({ state }) => state));
  return {
    verdicts,
    trials,
    distinct: made.size,
    booted: boots,
    checked: { states: checked, disagreed: [...contradicted] },
  };
}

function verdictOf(
  name: string,
  { booted, full }: { booted: Settled<BootSight>; full: Settled<Verdict> },
): Verdict | undefined {
  const complete = full.get(name);
  if (complete)
    return complete.state === name
      ? complete.sight
      : { ...complete.sight, by: 'settled', settledBy: complete.state };
  const boot = booted.get(name);
  if (boot?.sight.brick === undefined) return undefined;
  const { brick, why } = boot.sight;
  const verdict = { outcome: 'bricked', brick, why } as const;
  return boot.state === name
    ? { ...verdict, by: 'boot' }
    : { ...verdict, by: 'settled', settledBy: boot.state };
}

/** Boots a sample of the states that were settled by the boot of another: a difference is a defect of the explorer. */
async function check(
  { states, fully, jobs, random, known, over, signal, onTrial, onProgress }: ExploreOptions,
  { verdicts }: { verdicts: ReadonlyMap<string, Verdict> },
): Promise<{ readonly checked: number; readonly otherwise: readonly Trial<Verdict>[] }> {
  const settled = states.filter(({ name }) => verdicts.get(name)?.by === 'settled');
  const sample = sampleOf(settled, { count: Math.ceil(settled.length * checkedShare), random });
  const done = new Map(
    known.flatMap((made) => (made.tier === 'check' ? [[made.trial.state, made.trial]] : [])),
  );
  const waiting = sample.filter(({ name }) => !done.has(name));
  const work = async (worker: number): Promise<void> => {
    for (let state = waiting.shift(); state && !over(); state = waiting.shift()) {
      signal?.throwIfAborted();
      const trial = await fully(state, { worker, signal }).catch((error: unknown) => {
        waiting.length = 0;
        throw error;
      });
      await onTrial({ tier: 'check', trial });
      done.set(state.name, trial);
      onProgress({ tier: 'check', settled: done.size, of: sample.length });
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: jobs }, (_, worker) => work(worker)));
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure) throw failure.reason;
  const otherwise = [...done.values()].filter(({ state, sight }) => !agree(verdicts.get(state), sight));
  return { checked: done.size, otherwise };
}

function agree(settled: Verdict | undefined, found: Verdict): boolean {
  return (
    settled !== undefined &&
    settled.outcome === found.outcome &&
    (settled.brick !== undefined || (settled.slot === found.slot && settled.version === found.version))
  );
}

function sampleOf<T>(all: readonly T[], { count, random }: { count: number; random: Random }): T[] {
  const rest = [...all];
  return Array.from({ length: count }, () => rest.splice(random.integer(0, rest.length - 1), 1)).flat();
}
