/** Bytes from `start` up to `end`, which is not in it. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What block maps count in, and what direct writes to any medium in use are aligned to. */
export const blockBytes = 4096;

export function totalBytes(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** Sorted, none empty, none that touches another. */
export function joinRanges(ranges: readonly ByteRange[]): ByteRange[] {
  const joined: { start: number; end: number }[] = [];
  for (const { start, end } of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (end <= start) continue;
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else joined.push({ start, end });
  }
  return joined;
}

/** What is in both; each sorted and without overlaps. */
export function intersectRanges(a: readonly ByteRange[], b: readonly ByteRange[]): ByteRange[] {
  const found: ByteRange[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [left, right] = [a[i], b[j]] as [ByteRange, ByteRange];
    const start = Math.max(left.start, right.start);
    const end = Math.min(left.end, right.end);
    if (start < end) found.push({ start, end });
    if (left.end < right.end) i += 1;
    else j += 1;
  }
  return found;
}

/** What of `whole` is in none of `ranges`, which are sorted and do not overlap. */
export function gapsBetween(ranges: readonly ByteRange[], whole: ByteRange): ByteRange[] {
  const gaps: ByteRange[] = [];
  let next = whole.start;
  for (const { start, end } of ranges) {
    if (start > next) gaps.push({ start: next, end: Math.min(start, whole.end) });
    next = Math.max(next, end);
  }
  if (next < whole.end) gaps.push({ start: next, end: whole.end });
  return gaps;
}

/** Grown to whole blocks, within `limit`. */
export function alignOutward(ranges: readonly ByteRange[], limit: number): ByteRange[] {
  return joinRanges(
    ranges.map(({ start, end }) => ({
      start: roundDown(start, blockBytes),
      end: Math.min(roundUp(end, blockBytes), limit),
    })),
  );
}

export function roundDown(value: number, step: number): number {
  return value - (value % step);
}

export function roundUp(value: number, step: number): number {
  return roundDown(value + step - 1, step);
}
