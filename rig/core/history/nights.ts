import type { TrendPoint } from '../../contracts/night.js';
import { countVerdicts, type Verdict, type VerdictCounts, worstFirst } from '../../contracts/verdict.js';
import { median } from '../statistics/median.js';
import type { Reader } from './database.js';

/** A board with what its image is called, over all nights. */
export interface Place {
  readonly board: string;
  readonly image: string;
}

/** One test in one night; a night that tried it again has several. */
export interface NightlyResult {
  readonly night: string;
  readonly startedMs: number;
  readonly verdict: Verdict;
  readonly ms: number;
}

export interface TestNights {
  readonly suite: string;
  readonly name: string;
  /** The newest first. */
  readonly results: readonly NightlyResult[];
}

/** What became of every test of a place in the nights before `untilMs`, in the newest `nights` of them. */
export function testNights(
  history: Reader,
  { board, image }: Place,
  { untilMs, nights }: { readonly untilMs: number; readonly nights: number },
): readonly TestNights[] {
  const rows = history.all(
    `with known as (
       select run.id, run.night from run where run.image_name = ? and run.night in (
         select run.night from run join run_board on run_board.run = run.id
         where run_board.board = ? and run.image_name = ? and run.night is not null and run.started < ?
         group by run.night order by max(run.started) desc limit ?))
     select subject.suite, subject.name, known.night, result.started, result.verdict, result.ms
     from known join result on result.run = known.id join subject on subject.id = result.subject
     where subject.board = ? order by result.started desc`,
    [image, board, image, untilMs, nights, board],
  );
  const found = new Map<string, { suite: string; name: string; results: NightlyResult[] }>();
  for (const row of rows) {
    const [suite, name] = [String(row.suite), String(row.name)];
    const key = `${suite}/${name}`;
    const test = found.get(key) ?? { suite, name, results: [] };
    found.set(key, test);
    const { night, started, verdict, ms } = row;
    test.results.push({
      night: String(night),
      startedMs: Number(started),
      verdict: String(verdict) as Verdict,
      ms: Number(ms),
    });
  }
  return [...found.values()];
}

/** A suite from night to night, the oldest first: of each test the last word of the night. */
export function suiteTrend(tests: readonly TestNights[], suite: string): TrendPoint[] {
  const nights = new Map<string, Map<string, NightlyResult>>();
  for (const { name, results } of tests.filter((test) => test.suite === suite))
    for (const result of results) {
      const night = nights.get(result.night) ?? new Map<string, NightlyResult>();
      nights.set(result.night, night);
      if (!night.has(name)) night.set(name, result);
    }
  return [...nights]
    .map(([night, results]): TrendPoint => {
      const all = [...results.values()];
      const counts = countVerdicts(all.map(({ verdict }) => verdict));
      return {
        night,
        verdict: worstOf(counts),
        passed: counts.passed + counts.flaky,
        of: all.length - counts.skipped,
        ms: all.reduce((sum, { ms }) => sum + ms, 0),
      };
    })
    .sort((a, b) => (a.night < b.night ? -1 : 1));
}

/** The verdict that a person has to know of first. */
export function worstOf(counts: VerdictCounts): Verdict {
  return worstFirst.find((verdict) => counts[verdict] > 0) ?? 'blocked';
}

/** What the tests of a place usually take together; undefined when none of them has ever passed. */
export function usualMs(tests: readonly TestNights[]): number | undefined {
  const times = tests.flatMap(({ results }) => {
    const passed = results.filter(({ verdict }) => verdict === 'passed').map(({ ms }) => ms);
    return passed.length === 0 ? [] : [median(passed)];
  });
  return times.length === 0 ? undefined : times.reduce((sum, ms) => sum + ms, 0);
}

/** In how many nights on end, back from the newest, a test passed at once each time that it ran. */
export function nightsPassed(results: readonly NightlyResult[]): number {
  const nights = new Map<string, Verdict[]>();
  for (const { night, verdict } of results) nights.set(night, [...(nights.get(night) ?? []), verdict]);
  let passed = 0;
  for (const verdicts of nights.values()) {
    // A night in which it came to no verdict about the board says neither.
    if (verdicts.every((verdict) => verdict === 'blocked' || verdict === 'skipped')) continue;
    if (!verdicts.every((verdict) => verdict === 'passed')) break;
    passed += 1;
  }
  return passed;
}

/** The newest result that says something of the board. */
export function lastWord(results: readonly NightlyResult[]): NightlyResult | undefined {
  return results.find(({ verdict }) => verdict === 'passed' || verdict === 'failed' || verdict === 'flaky');
}
