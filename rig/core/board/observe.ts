import { type ErrorRecord, type Json, toErrorRecord } from '../../contracts/errors.js';

/** One look at something beside the console and the shells, for the event log. */
export interface Observation {
  readonly what: string;
  readonly value?: Json;
  readonly error?: ErrorRecord;
  readonly ms: number;
}

/** Takes a look for a suite and sees to it that a replay sees the same: there `look` is not called. */
export type Observe = <T extends Json | undefined>(what: string, look: () => Promise<T>) => Promise<T>;

/** What the rig itself is asked; these names stand in the event log. */
export const looks = {
  powerState: 'power state',
  linkState: 'link state',
  hostAddress: 'address of this host',
  drive: 'drive at the rig',
  written: (image: string): string => `what was written of ${image}`,
  verified: (image: string): string => `whether the medium holds ${image}`,
  bootModes: 'boot modes',
  bootMode: (mode: string): string => `boot mode ${mode}`,
  picture: 'picture of the display',
  lines: 'lines',
  level: (line: string): string => `level of line ${line}`,
  endpoint: (port: number): string => `endpoint of port ${port}`,
} as const;

/** Looks, and tells what came of it. */
export function recordedLooks(tell: (seen: Observation) => void): Observe {
  return async (what, look) => {
    const began = performance.now();
    const told = (end: Omit<Observation, 'what' | 'ms'>): void =>
      tell({ what, ...end, ms: Math.round((performance.now() - began) * 10) / 10 });
    try {
      const value = await look();
      told(value === undefined ? {} : { value });
      return value;
    } catch (error) {
      told({ error: toErrorRecord(error, 'suite') });
      throw error;
    }
  };
}
