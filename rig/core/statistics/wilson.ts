/** A share with its 95 % confidence interval, all from 0 to 1. */
export interface Rate {
  readonly rate: number;
  readonly low: number;
  readonly high: number;
}

/** Of a normal distribution, two-sided 95 %. */
const z = 1.959963984540054;

/**
 * The interval of E. B. Wilson (Probable inference, 1927): unlike the textbook's it holds for few trials, and for rates near 0 and 1.
 *
 * @returns the whole range when there were no trials
 */
export function wilson(successes: number, trials: number): Rate {
  if (trials === 0) return { rate: Number.NaN, low: 0, high: 1 };
  const rate = successes / trials;
  const square = z ** 2 / trials;
  const centre = (rate + square / 2) / (1 + square);
  const half = (z / (1 + square)) * Math.sqrt((rate * (1 - rate)) / trials + square / (4 * trials));
  return { rate, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}
