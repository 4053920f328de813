import type { EventBody } from '../../contracts/events.js';
import type { BoardPlan, PlannedTest } from './plan.js';

/**
 * Tells when each suite of a plan begins and when its last test has ended, once each: tests of another image variant come last,
 * so that other suites may run in between, and repetitions run beside each other.
 */
export class SuiteEvents {
  readonly #board: string;
  readonly #emit: (event: EventBody) => void;
  /** Tests of each suite that have not ended. */
  readonly #left = new Map<string, number>();
  readonly #open = new Set<string>();
  readonly #planned: ReadonlyMap<string, number>;

  /** @param options.times how often each test is to run; infinity where nobody knows */
  constructor(plan: BoardPlan, { times, emit }: { times: number; emit: (event: EventBody) => void }) {
    this.#board = plan.board.name;
    this.#emit = emit;
    const planned = new Map<string, number>();
    for (const { suite } of plan.tests) planned.set(suite.name, (planned.get(suite.name) ?? 0) + 1);
    for (const [suite, tests] of planned) this.#left.set(suite, tests * times);
    this.#planned = Number.isFinite(times) ? new Map(this.#left) : planned;
  }

  began({ suite: { name } }: PlannedTest): void {
    if (this.#open.has(name)) return;
    this.#open.add(name);
    const tests = this.#planned.get(name) ?? 0;
    this.#emit({ type: 'suite.start', suite: name, board: this.#board, tests });
  }

  ended({ suite: { name } }: PlannedTest): void {
    const left = (this.#left.get(name) ?? 0) - 1;
    this.#left.set(name, left);
    if (left === 0) this.#end(name);
  }

  /** The run is over: suites end whose tests did not all run. */
  finish(): void {
    for (const [name, left] of this.#left) if (left > 0 && this.#open.has(name)) this.#end(name);
  }

  #end(suite: string): void {
    this.#emit({ type: 'suite.end', suite, board: this.#board });
  }
}
