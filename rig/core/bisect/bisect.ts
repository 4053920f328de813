/** What a try of one of the things in order came to; `unknown`: nothing that could be said of it. */
export type Judged = 'good' | 'bad' | 'unknown';

export type Bisected =
  /** The first bad one, and what lies before it that could not be judged: any of them may be the first. */
  | { readonly found: 'first bad'; readonly firstBad: number; readonly suspects: readonly number[] }
  /** There is nothing between to look for. */
  | { readonly found: 'first is bad' | 'last is good' }
  | { readonly found: 'nothing'; readonly why: 'first' | 'last' };

/**
 * The first bad one of `count` things, of which the first is good, the last bad, and every one after a bad one bad: in about log2 tries. The
 * ends are tried too: a search between ends that are not what was believed finds nothing. One that cannot be judged gives way to its
 * nearest neighbour.
 *
 * @param judge called at most once for each
 */
export async function bisect(count: number, judge: (index: number) => Promise<Judged>): Promise<Bisected> {
  const last = await judge(count - 1);
  if (last === 'good') return { found: 'last is good' };
  if (last === 'unknown') return { found: 'nothing', why: 'last' };
  if (count === 1) return { found: 'first is bad' };
  const first = await judge(0);
  if (first === 'bad') return { found: 'first is bad' };
  if (first === 'unknown') return { found: 'nothing', why: 'first' };
  let [good, bad] = [0, count - 1];
  const unknown = new Set<number>();
  for (;;) {
    const index = nearestToMiddle(good, bad, unknown);
    if (index === undefined) break;
    const judged = await judge(index);
    if (judged === 'good') good = index;
    else if (judged === 'bad') bad = index;
    else unknown.add(index);
  }
  const suspects = [...unknown].filter((index) => index > good && index < bad).sort((a, b) => a - b);
  return { found: 'first bad', firstBad: bad, suspects };
}

/** Strictly between the two, and not yet tried in vain. */
function nearestToMiddle(good: number, bad: number, unknown: ReadonlySet<number>): number | undefined {
  const middle = Math.floor((good + bad) / 2);
  const between = Array.from({ length: bad - good - 1 }, (_, index) => good + 1 + index);
  return between
    .filter((index) => !unknown.has(index))
    .sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle))[0];
}
