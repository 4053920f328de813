import type { Cancellable } from '../../contracts/capabilities.js';
import type { CrashState, SampledEpoch } from '../../contracts/powercut.js';
import { coverageOf, type Witness } from './coverage.js';
import { epochsOf } from './epochs.js';
import type { LogContents } from './read-set-view.js';

export interface SettleSampledOptions extends Cancellable {
  readonly log: LogContents;
  /** A boot for each verdict that there is. */
  readonly witnesses: readonly Witness[];
  /** Boots and judges a state that is in no enumeration, as any other; `most` times over all epochs. Absent: only what is settled is told. */
  readonly boot?: { readonly most: number; readonly act: (state: CrashState) => Promise<Witness> };
}

/**
 * Boots what no boot speaks for, until every set of writes of each sampled epoch is settled, or the boots are used up.
 *
 * @returns the same epochs, each with how much of it is settled where that can be told
 */
export async function settleSampled(
  sampled: readonly SampledEpoch[],
  { log, boot, signal, ...options }: SettleSampledOptions,
): Promise<SampledEpoch[]> {
  const witnesses = [...options.witnesses];
  const epochs = epochsOf(log.entries);
  const told: SampledEpoch[] = [];
  let boots = 0;
  for (const one of sampled) {
    const epoch = epochs[one.epoch];
    if (!epoch) continue;
    let coverage = coverageOf(epoch, { log, witnesses, mostOpen: 1 });
    let [open] = coverage?.open ?? [];
    while (open && boot && boots < boot.most) {
      signal?.throwIfAborted();
      witnesses.push(await boot.act(open));
      boots += 1;
      coverage = coverageOf(epoch, { log, witnesses, mostOpen: 1 });
      [open] = coverage?.open ?? [];
    }
    if (!coverage) told.push(one);
    else told.push({ ...one, settled: coverage.settled === coverage.of ? 'all' : String(coverage.settled) });
  }
  return told;
}
