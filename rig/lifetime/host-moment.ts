import { readFileSync } from 'node:fs';
import type { Json } from '../contracts/errors.js';

/** A moment that another process of this host understands: the monotonic clock goes on until the next boot (clock_gettime(2)). */
export interface HostMoment {
  readonly boot: string;
  readonly ms: number;
}

export function hostMoment(): HostMoment & { readonly [key: string]: Json } {
  return { boot: bootId(), ms: Number(process.hrtime.bigint() / 1_000_000n) };
}

/** Milliseconds since `moment`; infinite when this host has booted since, which takes longer than any settle time. */
export function msSince(moment: HostMoment): number {
  const now = hostMoment();
  return moment.boot === now.boot ? now.ms - moment.ms : Number.POSITIVE_INFINITY;
}

/** Of this boot of the host (Documentation/admin-guide/sysctl/kernel.rst, random). */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
