import type { Cancellable } from '../../../contracts/capabilities.js';
import type { CrashState } from '../../../contracts/powercut.js';
import type { Verdict } from '../../../contracts/powercut-verdict.js';
import type { Random } from '../../../contracts/random.js';
import type { BootSight } from './boot-judge.js';
import { type Settled, settle } from './settle.js';
import { type Alike, type Boots, type Trial, union } from './trial.js';

/** The tiers of judging, cheapest first. `check`: a state that was settled without a boot is judged fully all the same. */
export const tiers = ['boot', 'full', 'check'] as const;
export type Tier = (typeof tiers)[number];

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
  /** Asked when all states are judged: more of them, of which none of these boots speaks. Absent: there are none. */
  readonly unspoken?: (trials: Iterable<Trial<unknown>>) => readonly CrashState[];
  readonly over: () => boolean;
  readonly onTrial: (made: MadeTrial) => void | Promise<void>;
  readonly onProgress: (progress: { tier: Tier; settled: number; of: number }) => void;
}

export interface Explored {
  /** Those that were given, and behind them those that `unspoken` named. */
  readonly states: readonly CrashState[];
  /** By the state's name; states without one are left. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
  /** The boot that each verdict stands on, by the state's name. */
  readonly trials: ReadonlyMap<string, Trial<unknown>>;
  /** States that some boot tells apart from all others. */
  readonly distinct: number;
  /** States of which the bootloader's word is known, and those of them that some boot up to it tells apart. */
  readonly toldByBootloader: { readonly states: number; readonly distinct: number };
  /** Boots made, those of earlier explorations included. */
  readonly made: readonly MadeTrial[];
  readonly checked: { readonly states: number; readonly disagreed: readonly string[] };
}

/** Of the states settled without a boot, so many are booted all the same. */
const checkedShare = 0.01;

/**
 * Judges every state: the bootloader's word first, for all, since it is cheap; then, for those that the bootloader boots, the
 * full judgement; each boot settles all states that it could not have told from its own. Then the states that were sampled out and of
 * which no boot speaks. Last, a sample of what was settled without a boot is booted.
 */
export async function explore(options: ExploreOptions): Promise<Explored> {
  const { over, unspoken = () => [] } = options;
  const made = [...options.known];
  const contradicted = new Set<string>();
  const round: Round = {
    made,
    onTrial: (trial) => {
      made.push(trial);
      return options.onTrial(trial);
    },
    onContradiction: ({ state }) => void contradicted.add(state),
  };
  let { states } = options;
  let { verdicts, trials, booted } = await judgeAll({ ...options, states }, round);
  while (!over()) {
    const names = new Set(states.map(({ name }) => name));
    const more = unspoken(new Set(trials.values())).filter(({ name }) => !names.has(name));
    if (more.length === 0) break;
    states = [...states, ...more];
    ({ verdicts, trials, booted } = await judgeAll({ ...options, states }, round));
  }
  const { checked, otherwise } = await check({ ...options, states, onTrial: round.onTrial }, { verdicts });
  // What was seen counts more than what was concluded: a brick is one, whatever the boot of another state made of it.
  for (const trial of otherwise) {
    verdicts.set(trial.state, trial.sight);
    trials.set(trial.state, trial);
    contradicted.add(trial.state);
  }
  const distinct = distinctOf(trials);
  return {
    states,
    verdicts,
    trials,
    distinct,
    toldByBootloader: { states: booted.size, distinct: distinctOf(booted) },
    made,
    checked: { states: checked, disagreed: [...contradicted] },
  };
}

function distinctOf(settled: Settled<unknown>): number {
  return new Set([...settled.values()].map(({ state }) => state)).size;
}

/** What the rounds of one exploration share. */
interface Round {
  /** All boots so far. */
  readonly made: readonly MadeTrial[];
  readonly onTrial: ExploreOptions['onTrial'];
  readonly onContradiction: (trial: Trial<unknown>) => void;
}

async function judgeAll(
  { states, alike, jobs, over, signal, toBootloader, fully, onProgress }: ExploreOptions,
  { made, onTrial, onContradiction }: Round,
): Promise<{
  verdicts: Map<string, Verdict>;
  trials: Map<string, Trial<unknown>>;
  booted: Settled<BootSight>;
}> {
  const booted = await settle({
    ...{ states, alike, jobs, over, signal, onContradiction },
    boots: toBootloader,
    agree: (one, other) => one.brick === other.brick && one.choice?.slot === other.choice?.slot,
    known: made.flatMap((one) => (one.tier === 'boot' ? [one.trial] : [])),
    onTrial: (trial) => onTrial({ tier: 'boot', trial }),
    onProgress: (progress) => onProgress({ tier: 'boot', ...progress }),
  });
  const bootable = states.filter(
    ({ name }) => booted.get(name)?.sight.brick === undefined && booted.has(name),
  );
  const full = await settle({
    states: bootable,
    likely: [...booted.values()].map(({ read }) => read).reduce(union, new Float64Array()),
    ...{ alike, jobs, over, signal, agree, onContradiction },
    boots: fully,
    known: made.flatMap((one) => (one.tier === 'full' ? [one.trial] : [])),
    onTrial: (trial) => onTrial({ tier: 'full', trial }),
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
  return { verdicts, trials, booted };
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
