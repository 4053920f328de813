import type { CrashState, SectorSet } from '../../rig/contracts/powercut.js';
import type { Verdict } from '../../rig/contracts/powercut-verdict.js';
import type { BootSight } from '../../rig/core/powercut/judge/boot-judge.js';
import type { Alike, Boots } from '../../rig/core/powercut/judge/trial.js';

/** A medium of a few sectors with one byte each, and the states of a log of writes to them that is never flushed. */
export interface TinyWorld {
  readonly states: readonly CrashState[];
  readonly alike: Alike;
  readonly toBootloader: Boots<BootSight>;
  readonly fully: Boots<Verdict>;
  /** Names of the states that were booted, with `full ` before those judged fully. */
  readonly booted: string[];
  /** The truth, by booting it. */
  verdictOf(state: CrashState): Verdict;
}

interface Machine {
  readonly read: SectorSet;
  readonly verdict: Verdict;
  readonly choice: string | undefined;
}

/**
 * Sector 0 names the slot, as an environment does; a zero there bricks. Sector 1 is the counter of slot B, read only when it is chosen;
 * sectors 2 and 3 are the roots, 4 the state partition: a zero in it is lost data. Sectors from 5 on are never read.
 */
export function tinyWorld(writes: readonly { readonly sector: number; readonly byte: number }[]): TinyWorld {
  const names = Array.from({ length: 2 ** writes.length }, (_, bits) => bits);
  const states: CrashState[] = names.map((bits) => ({
    name: `e0:subset:${bits.toString(16)}`,
    epoch: 0,
    kind: 'subset',
    durable: 0,
    kept: writes.flatMap((_, index) => ((bits >> index) & 1 ? [index] : [])),
  }));
  const base = [1, 3, 7, 7, 9, 0, 0, 0];
  const bytesOf = (state: CrashState): number[] => {
    const bytes = [...base];
    for (const index of state.kept) {
      const write = writes[index];
      if (write) bytes[write.sector] = write.byte;
    }
    return bytes;
  };
  const run = (state: CrashState, { toBootloader }: { toBootloader: boolean }): Machine => {
    const bytes = bytesOf(state);
    const read = new Set<number>();
    const look = (sector: number): number => {
      read.add(sector);
      return bytes[sector] ?? 0;
    };
    const end = (verdict: Verdict, choice?: string): Machine => ({
      read: Float64Array.from([...read].sort((a, b) => a - b).flatMap((sector) => [sector, 1])),
      verdict,
      choice,
    });
    const order = look(0);
    if (order === 0) return end({ outcome: 'bricked', brick: 'reset-loop', why: 'no order', by: 'boot' });
    const slot = order === 2 && look(1) > 0 ? 'B' : 'A';
    if (toBootloader) return end({ outcome: 'old', why: '', by: 'boot' }, slot);
    const root = look(slot === 'A' ? 2 : 3);
    if (root === 0) return end({ outcome: 'bricked', brick: 'hang', why: 'no root', by: 'full' }, slot);
    if (look(4) === 0) return end({ outcome: 'dataLost', why: 'no state', slot, by: 'full' }, slot);
    return end(
      { outcome: slot === 'B' ? 'new' : 'old', slot, version: String(root), tries: 1, why: 'up', by: 'full' },
      slot,
    );
  };
  const booted: string[] = [];
  return {
    states,
    booted,
    alike: (all, like, read) => {
      const one = bytesOf(like);
      return all.filter((state) => {
        const other = bytesOf(state);
        return sectorsOf(read).every((sector) => one[sector] === other[sector]);
      });
    },
    toBootloader: async (state) => {
      booted.push(state.name);
      const { read, verdict, choice } = run(state, { toBootloader: true });
      const sight: BootSight =
        choice === undefined
          ? { brick: 'reset-loop', why: verdict.why }
          : { choice: { slot: choice }, why: '' };
      return { state: state.name, sight, read };
    },
    fully: async (state) => {
      booted.push(`full ${state.name}`);
      const { read, verdict } = run(state, { toBootloader: false });
      return { state: state.name, sight: verdict, read };
    },
    verdictOf: (state) => run(state, { toBootloader: false }).verdict,
  };
}

function sectorsOf(read: SectorSet): number[] {
  const found: number[] = [];
  for (let pair = 0; pair < read.length; pair += 2)
    for (let sector = read[pair] ?? 0; sector < (read[pair] ?? 0) + (read[pair + 1] ?? 0); sector += 1)
      found.push(sector);
  return found;
}
