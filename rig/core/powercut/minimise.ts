/**
 * A smallest part of `items` that still passes `test`: none of what is left can be taken away alone (ddmin: Zeller and Hildebrandt, Simplifying
 * and Isolating Failure-Inducing Input, 2002). The order stays.
 *
 * @param test passes for all of `items`
 */
export async function minimise<T>(
  items: readonly T[],
  test: (part: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  if (items.length > 0 && (await test([]))) return [];
  let current = items;
  let pieces = 2;
  while (current.length > 1) {
    const smaller = await firstPassing(current, { pieces, test });
    if (smaller) {
      // A piece alone is taken apart anew; what is left of a piece taken away is cut as finely as before.
      pieces = smaller.isPiece ? 2 : Math.max(2, pieces - 1);
      current = smaller.part;
    } else if (pieces >= current.length) return current;
    else pieces = Math.min(current.length, pieces * 2);
  }
  return current;
}

async function firstPassing<T>(
  items: readonly T[],
  { pieces, test }: { readonly pieces: number; readonly test: (part: readonly T[]) => Promise<boolean> },
): Promise<{ readonly part: readonly T[]; readonly isPiece: boolean } | undefined> {
  const bounds = Array.from({ length: pieces + 1 }, (_, index) =>
    Math.floor((index * items.length) / pieces),
  );
  for (let index = 0; index < pieces; index += 1) {
    const part = items.slice(bounds[index], bounds[index + 1]);
    if (part.length < items.length && (await test(part))) return { part, isPiece: true };
  }
  // With two pieces, the rest of one is the other.
  if (pieces === 2) return undefined;
  for (let index = 0; index < pieces; index += 1) {
    const part = [...items.slice(0, bounds[index]), ...items.slice(bounds[index + 1])];
    if (await test(part)) return { part, isPiece: false };
  }
  return undefined;
}
