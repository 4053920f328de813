import type { Verdict } from '../contracts/verdict.js';
import type { Rate } from '../core/statistics/wilson.js';

const signs: Readonly<Record<Verdict, string>> = {
  passed: '.',
  failed: 'F',
  errored: 'E',
  blocked: 'B',
  skipped: '-',
  flaky: '~',
};

export const signsMeaning = '. passed   F failed   E errored   B blocked   - skipped   ~ flaky';

/** Verdicts as a strip of signs, the oldest first. */
export function strip(newestFirst: readonly { readonly verdict: Verdict }[], length = 30): string {
  return newestFirst
    .slice(0, length)
    .map(({ verdict }) => signs[verdict])
    .reverse()
    .join('');
}

/** `97 % (83 to 99)`: a rate with its 95 % interval. */
export function rateWords({ rate, low, high }: Rate): string {
  if (Number.isNaN(rate)) return '-';
  return `${percent(rate)} % (${percent(low)} to ${percent(high)})`;
}

/** 100 and 0 are said of nothing else. */
function percent(share: number): string {
  if (share === 0 || share === 1) return String(share * 100);
  return String(Math.min(99, Math.max(1, Math.round(share * 100))));
}

/** `2026-11-21 16:30`, local time. */
export function when(ms: number): string {
  const date = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
