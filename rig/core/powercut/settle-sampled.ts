import type { CrashState, Enumeration, SampledEpoch } from '../../contracts/powercut.js';
import { coverageOf, type Witness } from './coverage.js';
import { epochsOf } from './epochs.js';
import type { LogContents } from './read-set-view.js';

export interface SettledSampled {
  /** The same epochs, each with how much of it is settled where that can be told. */
  readonly sampled: readonly SampledEpoch[];
  /** States of which no boot speaks, some of each epoch: once none is left, every set of writes of those epochs is settled. */
  readonly open: readonly CrashState[];
}

/** How much of the epochs that were sampled the boots settle, the sets of writes that were never made among them. */
export function settleSampled(
  sampled: readonly SampledEpoch[],
  { log, witnesses }: { readonly log: LogContents; readonly witnesses: readonly Witness[] },
): SettledSampled {
  const epochs = epochsOf(log.entries);
  const found = sampled.map((one) => {
    const epoch = epochs[one.epoch];
    const coverage = epoch && coverageOf(epoch, { log, witnesses });
    if (!coverage) return { told: one, open: [] };
    const settled = coverage.settled === coverage.of ? 'all' : String(coverage.settled);
    return { told: { ...one, settled }, open: coverage.open };
  });
  return { sampled: found.map(({ told }) => told), open: found.flatMap(({ open }) => open) };
}

/** An enumeration with states that were sampled out of it, and are booted all the same. */
export function enlarged(enumeration: Enumeration, more: readonly CrashState[]): Enumeration {
  const count = (has: (state: CrashState) => boolean): number => more.filter(has).length;
  return {
    ...enumeration,
    states: [...enumeration.states, ...more],
    counts: enumeration.counts.map((one) => ({
      ...one,
      states: one.states + count(({ kind }) => kind === one.kind),
    })),
    sampled: enumeration.sampled.map((one) => ({
      ...one,
      states: one.states + count(({ epoch, kind }) => epoch === one.epoch && kind === 'subset'),
    })),
  };
}
