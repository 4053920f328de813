import type { Phase } from '../../../contracts/powercut.js';
import type { Random } from '../../../contracts/random.js';

/** A phase of an operation as it went on the board itself: when it began, in milliseconds since the operation did. */
export interface TimedPhase {
  readonly name: string;
  readonly ms: number;
}

/** When to cut: so long after a phase began, which is nearer the mark than a time since power-on. */
export interface CutTime {
  readonly phase: string;
  readonly afterMs: number;
  readonly why: 'random' | 'guided';
}

/** Where in a recorded log of a virtual board a write lies that matters to a boot. */
export interface DangerousPlace {
  readonly phases: readonly Phase[];
  /** Entries in the log. */
  readonly entries: number;
  /** Numbers of the dangerous ones. */
  readonly dangerous: readonly number[];
}

/**
 * Half of the times at random over the whole operation; the other half around the places of dangerous writes in a
 * virtual board's log, where there is one: a write that lies at a third of its phase there is sought at a third of it here.
 */
export function cutTimes(
  rehearsed: readonly TimedPhase[],
  {
    endMs,
    count,
    random,
    guide,
  }: { endMs: number; count: number; random: Random; guide: DangerousPlace | undefined },
): CutTime[] {
  const guided = guide ? guidedTimes(rehearsed, { endMs, random, guide }) : [];
  return Array.from({ length: count }, (_, index) =>
    index % 2 === 1 && guided.length > 0
      ? random.pick(guided)()
      : randomTime(rehearsed, { atMs: random.integer(0, Math.max(0, Math.round(endMs))) }),
  );
}

function randomTime(rehearsed: readonly TimedPhase[], { atMs }: { atMs: number }): CutTime {
  const phase = rehearsed.findLast(({ ms }) => ms <= atMs);
  return { phase: phase?.name ?? '', afterMs: atMs - (phase?.ms ?? 0), why: 'random' };
}

function guidedTimes(
  rehearsed: readonly TimedPhase[],
  { endMs, random, guide }: { endMs: number; random: Random; guide: DangerousPlace },
): (() => CutTime)[] {
  return guide.dangerous.flatMap((entry) => {
    const index = guide.phases.findLastIndex(({ from }) => from <= entry);
    const phase = guide.phases[index];
    const here = rehearsed.findIndex(({ name }) => name === phase?.name);
    if (!phase || here < 0) return [];
    const share =
      (entry - phase.from) / Math.max(1, (guide.phases[index + 1]?.from ?? guide.entries) - phase.from);
    const began = rehearsed[here]?.ms ?? 0;
    const lengthMs = (rehearsed[here + 1]?.ms ?? endMs) - began;
    // As far off as a tenth of the phase: no two runs of a board take the same time.
    const spread = Math.max(1, Math.round(lengthMs / 10));
    return [
      () => ({
        phase: phase.name,
        afterMs: Math.max(0, Math.round(share * lengthMs) + random.integer(-spread, spread)),
        why: 'guided' as const,
      }),
    ];
  });
}
