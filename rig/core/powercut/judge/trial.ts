import type { Cancellable } from '../../../contracts/capabilities.js';
import type { CrashState, SectorSet } from '../../../contracts/powercut.js';

/** What one boot of a state showed, and what it read of the medium until then. */
export interface Trial<Sight> {
  readonly state: string;
  readonly sight: Sight;
  readonly read: SectorSet;
  /** Host CPU seconds of the board, where that is known. */
  readonly cpuSeconds?: number;
}

/** Boots a state on board number `worker`, of which nobody else uses it meanwhile. */
export type Boots<Sight> = (
  state: CrashState,
  options: Cancellable & { readonly worker: number },
) => Promise<Trial<Sight>>;

/** Which of `states` hold the same bytes as `like` on every sector of `read`. */
export type Alike = (
  states: readonly CrashState[],
  like: CrashState,
  read: SectorSet,
) => readonly CrashState[] | Promise<readonly CrashState[]>;

/** The sectors of two sets. */
export function union(a: SectorSet, b: SectorSet): SectorSet {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const out: number[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const fromA = j >= b.length || (i < a.length && (a[i] as number) <= (b[j] as number));
    const sector = (fromA ? a[i] : b[j]) as number;
    const count = (fromA ? a[i + 1] : b[j + 1]) as number;
    if (fromA) i += 2;
    else j += 2;
    const last = out.length - 2;
    const end = last < 0 ? -1 : (out[last] as number) + (out[last + 1] as number);
    if (last >= 0 && sector <= end) out[last + 1] = Math.max(end, sector + count) - (out[last] as number);
    else out.push(sector, count);
  }
  return Float64Array.from(out);
}
