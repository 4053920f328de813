import type { GpioEdge } from '../../contracts/capabilities.js';

/** How long a line was high, and low before that, once. */
export interface Pulse {
  readonly darkNs: number;
  readonly onNs: number;
}

/** What an indicator showed. */
export interface LinePattern {
  /** Whole ones: on and off again. */
  readonly pulses: number;
  /** Medians; what is held at the end and the darkness before the first pulse do not count. 0 where there is none. */
  readonly onNs: number;
  readonly darkNs: number;
  /** Pulses a second, by those medians. */
  readonly perSecond: number;
  /** Light and darkness are of the same length, give or take half of it. */
  readonly even: boolean;
  /** How many pulses came before each pause; one number for each pause. */
  readonly groups: readonly number[];
  /** The last light lasted longer than three blinks. A line that came on once and never blinked is held too. */
  readonly held: boolean;
}

/** Evenly: neither light nor darkness is more than this many times the other. */
const evenRatio = 2;
/** Held, and a pause: more than this many times as long as usual. A busy host stretches an interval, seldom by so much. */
const heldRatio = 3;

/**
 * The pattern in `edges`, by counts and ratios of intervals: a supply, a relay and a busy host stretch times, but all alike.
 *
 * @param options `untilNs`: a moment of the clock of the edges up to which nothing more changed; absent: nothing is known after the last
 */
export function patternOf(
  edges: readonly GpioEdge[],
  { untilNs }: { readonly untilNs?: number } = {},
): LinePattern {
  const pulses = pulsesOf(edges, { untilNs });
  const last = pulses.at(-1);
  const before = pulses.slice(0, -1);
  const usualOn = median(before.map(({ onNs }) => onNs));
  const held = last !== undefined && last.onNs > heldRatio * usualOn;
  const blinks = held ? before : pulses;
  const onNs = median(blinks.map(({ onNs }) => onNs));
  const darkNs = median(blinks.slice(1).map(({ darkNs }) => darkNs));
  return {
    pulses: blinks.length,
    onNs,
    darkNs,
    perSecond: onNs + darkNs === 0 || darkNs === 0 ? 0 : 1e9 / (onNs + darkNs),
    even: onNs < evenRatio * darkNs && darkNs < evenRatio * onNs,
    groups: groupsOf(blinks, { times: heldRatio }),
    held,
  };
}

/**
 * Pulses of a line from its edges, the first with no darkness before it. One that is still on has no pulse yet, but for what it was
 * on until `untilNs`.
 */
export function pulsesOf(
  edges: readonly GpioEdge[],
  { untilNs }: { readonly untilNs?: number } = {},
): Pulse[] {
  const pulses: Pulse[] = [];
  let rise: number | undefined;
  let fall: number | undefined;
  const end = (atNs: number): void => {
    if (rise !== undefined) pulses.push({ darkNs: fall === undefined ? 0 : rise - fall, onNs: atNs - rise });
    fall = atNs;
    rise = undefined;
  };
  for (const { level, atNs } of edges) {
    if (level === 1) rise = atNs;
    else end(atNs);
  }
  if (rise !== undefined && untilNs !== undefined) end(untilNs);
  return pulses;
}

/** How many pulses came before each pause that is longer than `times` the median darkness; what follows the last pause is left out. */
export function groupsOf(pulses: readonly Pulse[], { times }: { readonly times: number }): number[] {
  const usual = median(pulses.slice(1).map(({ darkNs }) => darkNs));
  const groups: number[] = [];
  let count = 0;
  for (const [index, { darkNs }] of pulses.entries()) {
    if (index > 0 && darkNs > times * usual) {
      groups.push(count);
      count = 0;
    }
    count += 1;
  }
  return groups;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
