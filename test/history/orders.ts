/** P(U >= u) by trying every choice of the later ones; ties count half. */
export function byCounting(later: readonly number[], earlier: readonly number[]): number {
  const all = [...later, ...earlier];
  const u = (chosen: readonly number[]): number => {
    const rest = all.map((_, index) => index).filter((index) => !chosen.includes(index));
    const beats = (a = 0, b = 0): number => (a > b ? 1 : a === b ? 0.5 : 0);
    return chosen.reduce(
      (sum, index) => sum + rest.reduce((wins, other) => wins + beats(all[index], all[other]), 0),
      0,
    );
  };
  const found = u(later.map((_, index) => index));
  const orders = choices([...all.keys()], later.length).map(u);
  return orders.filter((value) => value >= found).length / orders.length;
}

function choices(values: readonly number[], count: number): number[][] {
  if (count === 0) return [[]];
  return values.flatMap((value, index) =>
    choices(values.slice(index + 1), count - 1).map((rest) => [value, ...rest]),
  );
}

export function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => ({ value, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value);
}

/** mulberry32 */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
