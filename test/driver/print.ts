import type { FileResult } from './run-file.js';

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export function sumOf(all: readonly Totals[]): Totals {
  const sum = (which: keyof Totals): number => all.reduce((total, one) => total + one[which], 0);
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
}

/** A file that failed as a whole counts as one more failed test. */
export function totalsOf(results: readonly FileResult[]): Totals {
  const count = (verdict: string) =>
    results.flatMap((result) => result.tests).filter((test) => test.verdict === verdict).length;
  return {
    passed: count('passed'),
    failed: count('failed') + results.filter((result) => result.problem !== undefined).length,
    skipped: count('skipped'),
  };
}

/** One line for the file, then what failed and what was skipped. */
export function fileLines(result: FileResult): string {
  const { passed, failed, skipped } = totalsOf([result]);
  const parts = [
    `${passed} passed`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ];
  const lines = [
    `${failed > 0 ? 'FAIL' : 'ok  '} ${result.source.padEnd(34)} ${parts.join(', ').padEnd(24)} ` +
      `${result.cpuSeconds.toFixed(1)} CPU s, ${result.wallSeconds.toFixed(1)} s`,
  ];
  for (const test of result.tests) {
    if (test.verdict === 'skipped') lines.push(`       skipped: ${test.name}: ${test.reason ?? ''}`);
    for (const failure of test.failures) {
      lines.push(`       failed: ${oneLine(failure.name)}`);
      lines.push(...diagnosticLines(failure.diagnostic).map((line) => `         ${line}`));
    }
  }
  if (result.problem !== undefined) lines.push(`       failed: ${result.problem}`);
  if (failed > 0 && result.stderrTail.trim() !== '') {
    lines.push('       standard error, its end:');
    lines.push(
      ...result.stderrTail
        .trimEnd()
        .split('\n')
        .map((line) => `       | ${line}`),
    );
  }
  return `${lines.join('\n')}\n`;
}

/** What tap says of a failed assertion: where, and the difference; its excerpt of the source is left out. */
export function diagnosticLines(diagnostic: unknown): string[] {
  if (typeof diagnostic !== 'object' || diagnostic === null) return [];
  return Object.entries(diagnostic)
    .filter(([key]) => key !== 'source' && key !== 'compare')
    .flatMap(([key, value]) => {
      const text =
        key === 'at' ? place(value) : typeof value === 'string' ? value.trimEnd() : JSON.stringify(value);
      return text.includes('\n')
        ? [`${key}:`, ...text.split('\n').map((line) => `  ${line}`)]
        : [`${key}: ${text}`];
    });
}

function place(at: unknown): string {
  const { fileName, lineNumber } = (at ?? {}) as { fileName?: string; lineNumber?: number };
  return `${fileName ?? '?'}:${lineNumber ?? '?'}`;
}

function oneLine(text: string): string {
  const flat = text.replace(/\s+/g, ' ');
  return flat.length > 200 ? `${flat.slice(0, 200)}…` : flat;
}

export function duration(seconds: number): string {
  return seconds < 60
    ? `${seconds.toFixed(0)} s`
    : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
