/** A set of UTF-16 code units as sorted, disjoint, inclusive ranges: low, high, low, high, … */
export type CharSet = readonly number[];

const last = 0xffff;

export const anyChar: CharSet = [0, last];
export const digits: CharSet = [0x30, 0x39];
export const wordChars: CharSet = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a];
/** ECMA-262, CharacterClassEscape `s`. */
export const spaces: CharSet = [
  0x09, 0x0d, 0x20, 0x20, 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x202f, 0x205f,
  0x205f, 0x3000, 0x3000, 0xfeff, 0xfeff,
];
/** What `.` matches without the s flag. */
export const notLineEnds: CharSet = complement([0x0a, 0x0a, 0x0d, 0x0d, 0x2028, 0x2029]);

export function union(sets: readonly CharSet[]): CharSet {
  const ranges = sets.flatMap((set) => pairs(set)).sort((a, b) => a[0] - b[0]);
  const merged: number[] = [];
  for (const [low, high] of ranges) {
    const end = merged.at(-1);
    if (end !== undefined && low <= end + 1) merged[merged.length - 1] = Math.max(end, high);
    else merged.push(low, high);
  }
  return merged;
}

export function complement(set: CharSet): CharSet {
  const ranges: number[] = [];
  let next = 0;
  for (const [low, high] of pairs(set)) {
    if (low > next) ranges.push(next, low - 1);
    next = high + 1;
  }
  if (next <= last) ranges.push(next, last);
  return ranges;
}

export function overlaps(a: CharSet, b: CharSet): boolean {
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const [aLow = 0, aHigh = 0, bLow = 0, bHigh = 0] = [a[i], a[i + 1], b[j], b[j + 1]];
    if (aLow <= bHigh && bLow <= aHigh) return true;
    if (aHigh < bHigh) i += 2;
    else j += 2;
  }
  return false;
}

/** Adds the other case of ASCII letters; other scripts' pairs do not matter for the judgement made here. */
export function foldCase(set: CharSet): CharSet {
  const shifted = (from: number, to: number, by: number): CharSet =>
    pairs(set).flatMap(([low, high]) => {
      const [first, final] = [Math.max(low, from), Math.min(high, to)];
      return first <= final ? [first + by, final + by] : [];
    });
  return union([set, shifted(0x41, 0x5a, 32), shifted(0x61, 0x7a, -32)]);
}

function pairs(set: CharSet): [low: number, high: number][] {
  const found: [number, number][] = [];
  for (let i = 0; i + 1 < set.length; i += 2) found.push([set[i] ?? 0, set[i + 1] ?? 0]);
  return found;
}
