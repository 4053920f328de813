import type { SlowerStage } from '../../contracts/night.js';
import { type Verdict, worstFirst } from '../../contracts/verdict.js';
import { boardAskedFor, type RunRecord, type TestRecord } from '../../record/model.js';
import { median } from '../statistics/median.js';
import { tendsToBeGreater } from '../statistics/rank-test.js';
import type { Reader } from './database.js';
import { type KnownResult, type Subject, subjectHistories } from './results.js';
import { alpha, runsBefore, slowerStages } from './stages.js';

/** What has changed from one run to a later one. */
export interface Comparison {
  readonly newFailures: readonly NewFailure[];
  readonly fixed: readonly ChangedTest[];
  /** Failed in both. */
  readonly stillFailing: readonly ChangedTest[];
  /** Flaky in the later run. */
  readonly flaky: readonly ChangedTest[];
  readonly slower: readonly SlowerTest[];
  /** So many of them would be there by chance if nothing had changed. */
  readonly slowerByChance: number;
  readonly slowerStages: readonly SlowerStage[];
  /** In one run alone. */
  readonly gone: readonly Subject[];
  readonly added: readonly Subject[];
}

export interface ChangedTest extends Subject {
  readonly before: Verdict;
  readonly after: Verdict;
  readonly message?: string;
}

export interface NewFailure extends ChangedTest {
  /** The first run since the earlier one in which it failed and went on failing, and the last in which it had not. */
  readonly firstBad?: KnownResult;
  readonly lastGood?: KnownResult;
}

export interface SlowerTest extends Subject {
  readonly ms: number;
  readonly medianBeforeMs: number;
  readonly p: number;
}

/**
 * @param history what lies between and before the two; without it nothing is said of slowness and of what was first bad
 */
export function compareRuns(before: RunRecord, after: RunRecord, history: Reader | undefined): Comparison {
  const old = bySubject(before.tests);
  const young = bySubject(after.tests);
  const both = [...young].flatMap(([key, test]): ChangedTest[] => {
    const earlier = old.get(key);
    if (!earlier) return [];
    return [
      {
        ...subjectOf(test),
        before: earlier.verdict,
        after: test.verdict,
        ...(test.error ? { message: test.error.message } : {}),
      },
    ];
  });
  const range = {
    sinceMs: Date.parse(before.startedAt),
    untilMs: Date.parse(after.startedAt) + after.durationMs,
  };
  return {
    newFailures: both
      .filter((test) => !isBad(test.before) && isBad(test.after))
      .map((test) => ({ ...test, ...(history ? firstBad(history, test, range) : {}) })),
    fixed: both.filter((test) => isBad(test.before) && test.after === 'passed'),
    stillFailing: both.filter((test) => isBad(test.before) && isBad(test.after)),
    flaky: both.filter((test) => test.after === 'flaky'),
    ...(history ? slowerTests(history, after) : { slower: [], slowerByChance: 0 }),
    slowerStages: history ? slowerStages(history, { run: after.run }) : [],
    gone: only(old, young),
    added: only(young, old),
  };
}

function firstBad(
  history: Reader,
  { board, suite, name }: Subject,
  range: { readonly sinceMs: number; readonly untilMs: number },
): Pick<NewFailure, 'firstBad' | 'lastGood'> {
  const [known] = subjectHistories(history, {
    board,
    matches: (test) => test === `${suite}/${name}`,
    ...range,
  });
  const judged = (known?.results ?? []).filter(({ verdict }) => isBad(verdict) || verdict === 'passed');
  const good = judged.findIndex(({ verdict }) => verdict === 'passed');
  const bad = judged[good === -1 ? judged.length - 1 : good - 1];
  const lastGood = judged[good];
  return { ...(bad && isBad(bad.verdict) ? { firstBad: bad } : {}), ...(lastGood ? { lastGood } : {}) };
}

/** By a rank test against the times it passed before: one run needs 19 earlier ones before it can be told slower. */
function slowerTests(history: Reader, after: RunRecord): Pick<Comparison, 'slower' | 'slowerByChance'> {
  const untilMs = Date.parse(after.startedAt) - 1;
  const passed = timesOf(after);
  const names = new Set(passed.map(({ suite, name }) => `${suite}/${name}`));
  const known = subjectHistories(history, {
    matches: (test) => names.has(test),
    untilMs,
    limit: runsBefore,
  });
  const earlier = new Map(known.map((subject) => [keyOf(subject), subject.results]));
  const tests = passed.map(({ times, ...subject }): SlowerTest => {
    const results = earlier.get(keyOf(subject)) ?? [];
    const before = results.filter(({ verdict }) => verdict === 'passed').map(({ ms }) => ms);
    const { p } = tendsToBeGreater(times, before);
    return { ...subject, ms: median(times), medianBeforeMs: median(before), p };
  });
  const slower = tests.filter(({ p }) => p < alpha).sort((a, b) => a.p - b.p);
  return { slower, slowerByChance: tests.filter(({ p }) => p < 1).length * alpha };
}

function timesOf(run: RunRecord): readonly (Subject & { readonly times: readonly number[] })[] {
  const found = new Map<string, Subject & { readonly times: number[] }>();
  for (const test of run.tests) {
    if (test.verdict !== 'passed') continue;
    const known = found.get(keyOf(subjectOf(test)));
    if (known) known.times.push(test.ms);
    else found.set(keyOf(subjectOf(test)), { ...subjectOf(test), times: [test.ms] });
  }
  return [...found.values()];
}

function isBad(verdict: Verdict): boolean {
  return verdict === 'failed' || verdict === 'errored' || verdict === 'blocked';
}

function bySubject(tests: readonly TestRecord[]): Map<string, TestRecord> {
  const found = new Map<string, TestRecord>();
  for (const test of tests) {
    const known = found.get(keyOf(subjectOf(test)));
    if (!known || worstFirst.indexOf(test.verdict) < worstFirst.indexOf(known.verdict))
      found.set(keyOf(subjectOf(test)), test);
  }
  return found;
}

function keyOf({ board, suite, name }: Subject): string {
  return `${board}/${suite}/${name}`;
}

function subjectOf(test: TestRecord): Subject {
  return { board: boardAskedFor(test), suite: test.suite, name: test.name };
}

function only(
  these: ReadonlyMap<string, TestRecord>,
  others: ReadonlyMap<string, TestRecord>,
): readonly Subject[] {
  return [...these].filter(([key]) => !others.has(key)).map(([, test]) => subjectOf(test));
}
