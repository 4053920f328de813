import type { Repetition } from '../rig/contracts/events.js';
import { type Verdict, verdicts } from '../rig/contracts/verdict.js';

interface Repeatable {
  readonly verdict: Verdict;
  readonly repetition?: Repetition;
}

const maxNumbers = 10;

/** The repetitions of each test that was repeated, by its id without a number, in the order in which they began. */
export function byRepeatedTest<T extends Repeatable>(tests: Iterable<T>): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const test of tests) {
    if (!test.repetition) continue;
    const group = groups.get(test.repetition.of);
    if (group) group.push(test);
    else groups.set(test.repetition.of, [test]);
  }
  return groups;
}

/** `37 of 40 passed, failed: #4, #17, #31`: of those that ran. */
export function repetitionWords(tests: readonly Repeatable[]): string {
  const of = (verdict: Verdict): Repeatable[] => tests.filter((test) => test.verdict === verdict);
  const ran = tests.length - of('skipped').length;
  const others = verdicts
    .filter((verdict) => verdict !== 'passed' && of(verdict).length > 0)
    .map((verdict) => `${verdict}: ${numbers(of(verdict))}`);
  return [`${of('passed').length} of ${ran} passed`, ...others].join(', ');
}

/** The worst that was said of any repetition. */
export function worst(tests: readonly Repeatable[]): Verdict {
  const gravity: readonly Verdict[] = ['failed', 'errored', 'blocked', 'flaky', 'passed'];
  return gravity.find((verdict) => tests.some((test) => test.verdict === verdict)) ?? 'skipped';
}

function numbers(tests: readonly Repeatable[]): string {
  const all = tests.map(({ repetition }) => repetition?.number ?? 0).sort((a, b) => a - b);
  const shown = all.slice(0, maxNumbers).map((number) => `#${number}`);
  return [...shown, ...(all.length > maxNumbers ? [`${all.length - maxNumbers} more`] : [])].join(', ');
}
