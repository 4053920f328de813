import type { GpioEdge } from '../../rig/mod.js';

/** How long an LED was on, and dark before that, once. */
export interface Pulse {
  readonly darkNs: number;
  readonly onNs: number;
}

/**
 * Pulses of an LED from its edges, the first with no darkness before it. One that is still on has no pulse yet.
 */
export function pulsesOf(edges: readonly GpioEdge[]): Pulse[] {
  const pulses: Pulse[] = [];
  let rise: number | undefined;
  let fall: number | undefined;
  for (const { level, atNs } of edges) {
    if (level === 1) {
      rise = atNs;
      continue;
    }
    if (rise !== undefined) pulses.push({ darkNs: fall === undefined ? 0 : rise - fall, onNs: atNs - rise });
    fall = atNs;
    rise = undefined;
  }
  return pulses;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
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
