import type { CrashState, SectorSet } from '../../contracts/powercut.js';
import { countKeptSets, type Epoch } from './epochs.js';
import { type LogContents, ReadSetView } from './read-set-view.js';
import { stateOfPlaces } from './states.js';

/** A state that was booted, and what its boot read. */
export interface Witness {
  readonly state: CrashState;
  readonly read: SectorSet;
}

export interface Coverage {
  /** Sets of the epoch's changes that a cut can leave, and how many of them some boot speaks for. */
  readonly of: bigint;
  readonly settled: bigint;
  /** States to boot next: each differs, where boots read, from all that were booted. */
  readonly open: readonly CrashState[];
}

/** Two to this power patterns are looked at, each against every boot. */
const mostDeciding = 12;

/**
 * How much of an epoch that is too large to enumerate is settled all the same. Only changes that some boot reads can decide anything: a set of
 * changes is settled when a boot agrees with it on those, whatever the others are. So a bulk copy into a slot that is not booted is settled as a
 * whole, all its 2^n sets, by one boot.
 *
 * @returns undefined where that cannot be told: too many changes are read, or some are FUA
 */
export function coverageOf(
  epoch: Epoch,
  { log, witnesses, mostOpen = 16 }: { log: LogContents; witnesses: readonly Witness[]; mostOpen?: number },
): Coverage | undefined {
  if (epoch.fua.includes(true)) return undefined;
  const speakers = witnesses.flatMap(({ state, read }) => {
    const view = new ReadSetView(log, read);
    const held = view.of(state);
    const deciding = epoch.changes.flatMap((entry, place) => (view.touches(entry) ? [place] : []));
    return view.canAgree(held, { durable: epoch.from, changes: epoch.changes })
      ? [{ view, held, deciding }]
      : [];
  });
  const deciding = [...new Set(speakers.flatMap((speaker) => speaker.deciding))].sort((a, b) => a - b);
  if (deciding.length > mostDeciding) return undefined;
  const open: CrashState[] = [];
  let settledPatterns = 0n;
  for (let bits = 0; bits < 2 ** deciding.length; bits += 1) {
    const state = stateOfPlaces(
      epoch,
      deciding.filter((_, index) => (bits >> index) & 1),
    );
    if (speakers.some(({ view, held }) => view.holds(state, held))) settledPatterns += 1n;
    else if (open.length < mostOpen) open.push(state);
  }
  const free = BigInt(epoch.changes.length - deciding.length);
  return { of: countKeptSets(epoch), settled: settledPatterns * 2n ** free, open };
}
