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
  /** The board that was asked for, where this one is a fork of it. */
  readonly forkOf?: string;
  /** The tests to run next, in order; undefined when none are left. */
  next(): readonly PlannedTest[] | undefined;
  /** Its board is broken. @returns whether others take what is left; else it is for this lane to block */
  leavesToOthers(): boolean;
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
    const sharing = { ...options, plans: plans.length };
    this.all = plans.flatMap((plan) => {
      const suites = new SuiteEvents(plan, { times: repeat?.times ?? 1, emit });
      this.#suites.push(suites);
      const boards = forks(plan, sharing);
      const work = repeat ? repetitions(plan, { ...options, repeat }) : once(plan, boards.length);
      return boards.map(
        (board): Lane => ({
          board,
          ...(board.name === plan.board.name ? {} : { forkOf: plan.board.name }),
          ...work,
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
 * The boards that a plan's work is spread over. A virtual board has forks, named as its siblings are: they repeat the plan beside
 * each other, or share its suites where the run has fewer plans than jobs. Any other board is the only one.
 */
export function forks(
  plan: BoardPlan,
  { repeat, jobs, plans }: { repeat?: Repeat | undefined; jobs: number; plans: number },
): BoardConfig[] {
  const { board } = plan;
  const most = repeat ? Math.min(jobs, repeat.times) : Math.min(jobs / plans, portionsOf(plan).length);
  const count = board.type.machine ? Math.max(1, Math.floor(most)) : 1;
  return Array.from({ length: count }, (_, index) =>
    index === 0 ? board : { ...board, name: `${board.name}~${index + 1}` },
  );
}

type Work = Pick<Lane, 'next' | 'leavesToOthers'>;

/** The one board takes it all at once, so that what comes later may build on what came before. */
function once(plan: BoardPlan, lanes: number): Work {
  const portions = lanes === 1 ? [plan.tests] : portionsOf(plan).sort((a, b) => allowedMs(b) - allowedMs(a));
  let sound = lanes;
  return {
    next: () => portions.shift(),
    leavesToOthers: () => {
      sound -= 1;
      return sound > 0;
    },
  };
}

/** What forks take one after the other: a suite's tests share boots, and so do those of another image variant. */
function portionsOf({ tests }: BoardPlan): PlannedTest[][] {
  const portions = new Map<string, PlannedTest[]>();
  for (const planned of tests) {
    const { variant } = planned.test.options;
    const key = variant === undefined ? `suite ${planned.suite.name}` : `variant ${variant}`;
    const portion = portions.get(key);
    if (portion) portion.push(planned);
    else portions.set(key, [planned]);
  }
  return [...portions.values()];
}

/** How long a portion takes is not known: its deadlines tell which is longer. The longest go first, so that none is left over at the end. */
function allowedMs(tests: readonly PlannedTest[]): number {
  return tests.reduce((sum, { test, skip }) => sum + (skip === undefined ? test.options.deadlineMs : 0), 0);
}

/** Forks take repetitions of the whole plan from one count, so that a slow one delays nobody. */
function repetitions(
  { board, tests }: BoardPlan,
  { repeat, seed, signal }: Pick<LaneOptions, 'seed' | 'signal'> & { repeat: Repeat },
): Work {
  let taken = 0;
  let isCut = false;
  const next = (): readonly PlannedTest[] | undefined => {
    if (taken >= repeat.times || tests.length === 0 || isCut || isStopped(signal)) return undefined;
    // Of a run that was cut short one more is taken, to be blocked: none at all would pass for a good end.
    isCut = signal.aborted;
    taken += 1;
    return tests.map((test) => repetition(board, { test, number: taken, seed }));
  };
  return { next, leavesToOthers: () => true };
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
