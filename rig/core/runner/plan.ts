import { createHash } from 'node:crypto';
import type { BoardConfig } from '../../contracts/board.js';
import type { CapabilityName } from '../../contracts/capabilities.js';
import type { Repetition } from '../../contracts/events.js';
import type { SuiteDefinition, TestDefinition, Tier } from '../../contracts/suite.js';

/** One test on one board, as the plan holds it. */
export interface PlannedTest {
  /** `board/suite/test`, unique in a run; ` #3` follows where the run repeats it. */
  readonly id: string;
  readonly suite: SuiteDefinition;
  readonly test: TestDefinition;
  /** Set: the test will not run, for this reason. */
  readonly skip?: string;
  readonly repetition?: Repetition;
}

/** What one board has to do, in order. */
export interface BoardPlan {
  readonly board: BoardConfig;
  readonly tests: readonly PlannedTest[];
}

export interface Selection {
  readonly tier: Tier;
  /** Matched against `suite/test`. */
  readonly only?: RegExp;
  /** Names as `suite/test`. */
  readonly tests?: readonly string[];
}

const tiers: readonly Tier[] = ['smoke', 'pr', 'nightly'];

/** Whether a test of tier `of` belongs to a run of tier `selected`. */
export function inTier(of: Tier, selected: Tier): boolean {
  return tiers.indexOf(of) <= tiers.indexOf(selected);
}

/**
 * Every selected test of every suite on one board. Suites stay together; within one, tests are ordered so that boots
 * are shared: those from a fresh medium first, then those on a running board from the cleanest to the dirtiest,
 * then those from power-off, and at last those of an image variant, one variant after the other.
 */
export function planBoard(
  board: BoardConfig,
  suites: readonly SuiteDefinition[],
  selection: Selection,
): BoardPlan {
  const tests = suites.flatMap((suite) =>
    suite.tests
      .filter((test) => inTier(test.options.tier, selection.tier))
      .filter((test) => isSelected(`${suite.name}/${test.name}`, selection))
      .map((test) => plan(board, suite, test)),
  );
  const place = (planned: PlannedTest): number => cost(planned.test);
  const bySuite = suites.flatMap((suite) =>
    tests.filter((planned) => planned.suite === suite).sort((a, b) => place(a) - place(b)),
  );
  // Another variant means another medium: once for the whole run, not once a suite.
  const of = (variant: 'dev' | 'prod' | undefined): PlannedTest[] =>
    bySuite.filter((planned) => planned.test.options.variant === variant);
  return { board, tests: [...of(undefined), ...of('dev'), ...of('prod')] };
}

function isSelected(test: string, { only, tests }: Selection): boolean {
  return (only === undefined || only.test(test)) && (tests === undefined || tests.includes(test));
}

/** The same tests in an order that only `seed` decides; suites still stay together. Verdicts must not depend on it. */
export function shuffled(plan: BoardPlan, seed: number): BoardPlan {
  const place = (name: string): string => createHash('sha256').update(`${seed} ${name}`).digest('hex');
  const key = ({ suite, id }: PlannedTest): string => place(suite.name) + place(id);
  const tests = plan.tests.map((test) => ({ test, key: key(test) }));
  tests.sort((a, b) => (a.key < b.key ? -1 : 1));
  return { ...plan, tests: tests.map(({ test }) => test) };
}

function plan(board: BoardConfig, suite: SuiteDefinition, test: TestDefinition): PlannedTest {
  const needs = new Set([...(suite.options.needs ?? []), ...(test.options.needs ?? [])]);
  const has = new Set<CapabilityName>(board.type.capabilities);
  // A prompt on the console is a shell.
  if (board.type.signatures.prompt) has.add('shell');
  if (board.profile.update) has.add('update');
  const lacking = [...needs].filter((need) => !has.has(need));
  return {
    id: `${board.name}/${suite.name}/${test.name}`,
    suite,
    test,
    ...(lacking.length > 0 ? { skip: lacks(board, lacking) } : {}),
  };
}

function lacks(board: BoardConfig, capabilities: readonly CapabilityName[]): string {
  return `boards of type ${board.type.name} have no ${capabilities.join(', ')}`;
}

const dirtRank = { nothing: 0, network: 1, memory: 2, disk: 3 } as const;
const fromRank = { fresh: 0, bootloader: 10, any: 20, shell: 30, off: 40 } as const;

function cost(test: TestDefinition): number {
  return fromRank[test.options.from] + dirtRank[test.options.dirties] + (test.options.boards > 1 ? 0.5 : 0);
}
