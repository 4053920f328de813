import { firstLine } from '../../rig/contracts/errors.js';
import { visibleLine } from '../visible.js';
import { duration, marks } from '../words.js';
import type { Paint } from './paint.js';
import type { FinishedTest } from './status.js';

/** Of one test's repetitions that did not pass; a test that fails every time is not told two hundred times. */
const maxRepetitions = 3;

/** Which tests that ended get a line of their own while the run goes on, and what it says. */
export class TestLines {
  readonly #paint: Paint;
  readonly #told = new Map<string, number>();
  #blockedBy: string | undefined;

  constructor(paint: Paint) {
    this.#paint = paint;
  }

  /** @returns undefined for what only the summary tells */
  lineFor(test: FinishedTest): string | undefined {
    if (test.repetition) {
      const { of } = test.repetition;
      const told = this.#told.get(of) ?? 0;
      if (test.verdict === 'passed' || told > maxRepetitions) return undefined;
      this.#told.set(of, told + 1);
      if (told === maxRepetitions)
        return `  ${visibleLine(of)}: further repetitions that do not pass are told at the end`;
    }
    // One cause blocks many tests: it is said once.
    const isSaid = test.verdict === 'blocked' && test.reason === this.#blockedBy;
    if (test.verdict === 'blocked') this.#blockedBy = test.reason;
    return this.#line(test, isSaid);
  }

  #line(test: FinishedTest, isSaid: boolean): string {
    const again = test.attempts > 1 ? `, ${test.attempts} attempts` : '';
    const why = test.reason ?? (test.error && firstLine(test.error.message));
    const reason = test.verdict === 'passed' || why === undefined || isSaid ? '' : `: ${visibleLine(why)}`;
    const word = test.verdict === 'passed' ? '' : ` ${test.verdict}`;
    const head = this.#paint(test.verdict, `${marks[test.verdict]}${word}`);
    return `${head} ${visibleLine(test.id)} (${duration(test.ms)}${again})${reason}`;
  }
}

/** Now and then in a log that only grows: every tenth of the repetitions, or ever more rarely where nobody knows how many come. */
export function milestone(finished: readonly FinishedTest[], total: number | undefined): string | undefined {
  const done = finished.length;
  const isOne =
    total === undefined ? /^[125]0+$/.test(String(done)) : done % Math.max(10, Math.ceil(total / 10)) === 0;
  if (!isOne || done === total || !finished.at(-1)?.repetition) return undefined;
  const bad = finished.filter(({ verdict }) => verdict !== 'passed' && verdict !== 'skipped').length;
  return `  ${done}${total === undefined ? '' : ` of ${total}`} tests done, ${bad} of them did not pass`;
}
