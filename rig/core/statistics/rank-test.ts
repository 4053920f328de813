/** The rank-sum test of Mann and Whitney (1947), one-sided. */
export interface RankTest {
  /** How often a later value is greater than an earlier one, ties counted half: 0.5 says nothing has changed. */
  readonly superiority: number;
  /** The chance of ranks as high as these, or higher, if both came from one distribution. */
  readonly p: number;
}

/** Up to so many pairs all orders are counted; the normal approximation is good beyond. */
const exactUpTo = 400;

/**
 * Whether `later` tends to be greater than `earlier`. It looks at the order of the values alone, so that one slow boot on a busy host
 * decides nothing, and no threshold has to be chosen for each board.
 *
 * @returns `p` 1 when one of them is empty
 */
export function tendsToBeGreater(later: readonly number[], earlier: readonly number[]): RankTest {
  const pairs = later.length * earlier.length;
  if (pairs === 0) return { superiority: 0.5, p: 1 };
  const ranks = doubledRanks([...later, ...earlier]);
  const sum = ranks.slice(0, later.length).reduce((total, rank) => total + rank, 0);
  const u = sum / 2 - (later.length * (later.length + 1)) / 2;
  const p = pairs <= exactUpTo ? exactTail(sum, later.length, ranks) : normalTail(u, later.length, ranks);
  return { superiority: u / pairs, p };
}

/** Twice the rank of each value, so that the mean rank of ties is a whole number too. */
function doubledRanks(values: readonly number[]): readonly number[] {
  const sorted = [...values].sort((a, b) => a - b);
  return values.map((value) => sorted.indexOf(value) + 1 + sorted.lastIndexOf(value) + 1);
}

/** In how many of all choices of `count` ranks their sum is as large. */
function exactTail(sum: number, count: number, ranks: readonly number[]): number {
  const most = ranks.reduce((total, rank) => total + rank, 0);
  // ways[k][s]: choices of k of the ranks so far whose sum is s.
  const ways = Array.from({ length: count + 1 }, () => new Float64Array(most + 1));
  (ways[0] as Float64Array)[0] = 1;
  for (const rank of ranks)
    for (let chosen = count; chosen > 0; chosen -= 1) addShifted(ways[chosen], ways[chosen - 1], rank);
  const all = ways[count] ?? new Float64Array();
  return total(all.subarray(sum)) / total(all);
}

function addShifted(to: Float64Array | undefined, from: Float64Array | undefined, by: number): void {
  if (!to || !from) return;
  for (let index = by; index < to.length; index += 1) to[index] = (to[index] ?? 0) + (from[index - by] ?? 0);
}

function total(numbers: Float64Array): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

function normalTail(u: number, n: number, ranks: readonly number[]): number {
  const all = ranks.length;
  const m = all - n;
  const tieTerm = tieSizes(ranks).reduce((sum, size) => sum + size ** 3 - size, 0);
  const variance = ((n * m) / 12) * (all + 1 - tieTerm / (all * (all - 1)));
  if (variance === 0) return 1;
  return upperTail((u - (n * m) / 2 - 0.5) / Math.sqrt(variance));
}

/** How many values share each rank. */
function tieSizes(ranks: readonly number[]): readonly number[] {
  const sizes = new Map<number, number>();
  for (const rank of ranks) sizes.set(rank, (sizes.get(rank) ?? 0) + 1);
  return [...sizes.values()];
}

/** P(Z >= z) of a normal distribution (Abramowitz and Stegun, 26.2.17: within 7.5e-8). */
function upperTail(z: number): number {
  if (z < 0) return 1 - upperTail(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const series =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp(-(z ** 2) / 2) / Math.sqrt(2 * Math.PI)) * series;
}
