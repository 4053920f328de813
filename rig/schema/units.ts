const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
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
 * @returns milliseconds, or undefined when `text` is no duration
 */
export function parseDurationMs(text: string): number | undefined {
  if (!durationPattern.test(text)) return undefined;
  let totalMs = 0;
  let lastUnitMs = Number.POSITIVE_INFINITY;
  for (const [, count, unit] of text.matchAll(/([\d.]+)([a-z]+)/g)) {
    const scaleMs = unitMs[unit ?? ''] ?? 0;
    if (scaleMs >= lastUnitMs) return undefined;
    lastUnitMs = scaleMs;
    totalMs += Number(count) * scaleMs;
  }
  // Timers of Node hold 31 bits: a longer delay would fire at once.
  return totalMs < 2 ** 31 ? Math.round(totalMs) : undefined;
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

/** `512 B`, `1.5 GiB`: for people. */
export function sizeText(bytes: number): string {
  const steps = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = Math.min(Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)), steps.length - 1);
  return `${(bytes / 2 ** (10 * step)).toFixed(step === 0 ? 0 : 1)} ${steps[step]}`;
}
