const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** Timers of Node hold 31 bits: a longer delay would fire at once. */
const timerMs = 2 ** 31;
export const durationPattern = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;

const unitBytes: Readonly<Record<string, number>> = {
  B: 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
};
export const sizePattern = /^(\d+(?:\.\d+)?)(?:([KMGT])(?:iB)?|B)$/;

/**
 * `90s`, `10m`, `1h30m`, `250ms`; units from large to small, each once.
 *
 * @param options.belowMs what no duration reaches; by default what a timer cannot wait for
 * @returns milliseconds, or undefined when `text` is no duration
 */
export function parseDurationMs(text: string, { belowMs = timerMs } = {}): number | undefined {
  if (!durationPattern.test(text)) return undefined;
  let totalMs = 0;
  let lastUnitMs = Number.POSITIVE_INFINITY;
  for (const [, count, unit] of text.matchAll(/([\d.]+)([a-z]+)/g)) {
    const scaleMs = unitMs[unit ?? ''] ?? 0;
    if (scaleMs >= lastUnitMs) return undefined;
    lastUnitMs = scaleMs;
    totalMs += Number(count) * scaleMs;
  }
  return totalMs < belowMs ? Math.round(totalMs) : undefined;
}

/**
 * `256M`, `1.5G`, `512K`, `100B`, with or without `iB`; powers of 1024.
 *
 * @returns bytes, or undefined when `text` is no size
 */
export function parseSizeBytes(text: string): number | undefined {
  const found = sizePattern.exec(text);
  if (!found) return undefined;
  const bytes = Number(found[1]) * (unitBytes[found[2] ?? 'B'] ?? 1);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** `512 B`, `18.4 MiB`, `2.9 GiB`. */
export function sizeWords(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1);
  return power === 0
    ? `${bytes} B`
    : `${(bytes / 2 ** (10 * power)).toFixed(1).replace('.0', '')} ${units[power]}`;
}
