import { createHash } from 'node:crypto';
import type { BoardConfig } from '../../contracts/board.js';
import { RigError } from '../../contracts/errors.js';
import type { EventBody } from '../../contracts/events.js';
import type { Verdict } from '../../contracts/verdict.js';
import type { BoardPlan, PlannedTest } from './plan.js';
import { SuiteEvents } from './suite-events.js';

/** What one board is given to do, a portion at a time. */
export interface Lane {
  readonly board: BoardConfig;
  /** The tests to run next, in order; undefined when none are left. */
  next(): readonly PlannedTest[] | undefined;
  began(planned: PlannedTest): void;
  ended(planned: PlannedTest, verdict: Verdict): void;
}

export interface Repeat {
  /** Infinity: until the run is ended otherwise. */
  readonly times: number;
  /** The first test that does not pass ends the run. */
  readonly untilFailure: boolean;
}

export interface LaneOptions {
  readonly jobs: number;
  readonly seed: number;
  readonly repeat?: Repeat | undefined;
  /** No more repetitions begin once it is aborted. */
  readonly signal: AbortSignal;
  readonly emit: (event: EventBody) => void;
  /** Told the final verdict on each test. */
  readonly onEnd: (id: string, verdict: Verdict) => void;
}

/** A run's work: a lane for each board, or for each fork of it; to be disposed of when every lane is over. */
export class Lanes implements Disposable {
  readonly all: readonly Lane[];
  readonly #suites: SuiteEvents[] = [];

  constructor(plans: readonly BoardPlan[], options: LaneOptions) {
    const { repeat, emit } = options;
    this.all = plans.flatMap((plan) => {
      const suites = new SuiteEvents(plan, { times: repeat?.times ?? 1, emit });
      this.#suites.push(suites);
      const next = repeat ? repetitions(plan, { ...options, repeat }) : once(plan);
      return forks(plan.board, options).map(
        (board): Lane => ({
          board,
          next,
          began: (planned) => suites.began(planned),
          ended: (planned, verdict) => {
            suites.ended(planned);
            options.onEnd(planned.id, verdict);
          },
        }),
      );
    });
  }

  [Symbol.dispose](): void {
    for (const suites of this.#suites) suites.finish();
  }
}

/**
 * The boards that a plan's work is spread over: those that repeat it beside each other are forks of a virtual board, named as its
 * siblings are; everything else has the one board.
 */
export function forks(
  board: BoardConfig,
  { repeat, jobs }: { repeat?: Repeat | undefined; jobs: number },
): BoardConfig[] {
  const count = repeat && board.type.machine ? Math.max(1, Math.min(jobs, repeat.times)) : 1;
  return Array.from({ length: count }, (_, index) =>
    index === 0 ? board : { ...board, name: `${board.name}~${index + 1}` },
  );
}

function once({ tests }: BoardPlan): Lane['next'] {
  const portions = [tests];
  return () => portions.shift();
}

/** Forks take repetitions of the whole plan from one count, so that a slow one delays nobody. */
function repetitions(
  { board, tests }: BoardPlan,
  { repeat, seed, signal }: Pick<LaneOptions, 'seed' | 'signal'> & { repeat: Repeat },
): Lane['next'] {
  let taken = 0;
  let isCut = false;
  return () => {
    if (taken >= repeat.times || tests.length === 0 || isCut || isStopped(signal)) return undefined;
    // Of a run that was cut short one more is taken, to be blocked: none at all would pass for a good end.
    isCut = signal.aborted;
    taken += 1;
    return tests.map((test) => repetition(board, { test, number: taken, seed }));
  };
}

function repetition(
  { name: board }: BoardConfig,
  { test, number, seed }: { test: PlannedTest; number: number; seed: number },
): PlannedTest {
  return {
    ...test,
    id: `${test.id} #${number}`,
    repetition: { of: test.id, board, number, seed: repetitionSeed(seed, number) },
  };
}

/** The first has the run's own: a run with the seed of a later one does as that one did. */
function repetitionSeed(seed: number, number: number): number {
  if (number === 1) return seed;
  const hash = createHash('sha256').update(`${seed} repetition ${number}`).digest();
  return hash.readUInt32BE(0) % 2 ** 31;
}

const stopCode = 'run.stopped';

/** Why a run ended that was to go on only until then: what had not run is no worse for it. */
export function stopped(why: string): RigError {
  return new RigError(`Stopped: ${why}`, {
    code: stopCode,
    blame: 'rig',
    hint: 'What had not run by then does not count.',
  });
}

export function isStopped(signal: AbortSignal): boolean {
  return signal.reason instanceof RigError && signal.reason.code === stopCode;
}
