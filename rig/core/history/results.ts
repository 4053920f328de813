import type { Verdict } from '../../contracts/verdict.js';
import { type Rate, wilson } from '../statistics/wilson.js';
import type { Reader, Row } from './database.js';
import { type Tested, TestedThings } from './tested.js';

/** A test on a board, over all runs. */
export interface Subject {
  readonly board: string;
  readonly suite: string;
  readonly name: string;
}

export interface KnownResult extends Tested {
  readonly startedMs: number;
  readonly verdict: Verdict;
  readonly ms: number;
  readonly code: string | null;
  readonly message: string | null;
}

/** What is known of one subject. */
export interface SubjectHistory extends Subject {
  /** The newest first. */
  readonly results: readonly KnownResult[];
}

export interface ResultFilter {
  readonly board?: string;
  /** Of `suite/name`. */
  readonly matches?: (test: string) => boolean;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** Of each subject, the newest. */
  readonly limit?: number;
}

export function subjectHistories(history: Reader, filter: ResultFilter): readonly SubjectHistory[] {
  const subjects = history.all(
    'select * from subject where ? is null or board = ? order by board, suite, name',
    [...[filter.board ?? null, filter.board ?? null]],
  );
  const { matches = () => true, limit = Number.POSITIVE_INFINITY } = filter;
  const wanted = subjects.filter(({ suite, name }) => matches(`${suite}/${name}`));
  const tested = new TestedThings(history);
  const found = resultsBySubject(history, { wanted, all: wanted.length === subjects.length, ...filter });
  return wanted.flatMap((subject): SubjectHistory[] => {
    const results = found.get(Number(subject.id)) ?? [];
    if (results.length === 0) return [];
    const board = String(subject.board);
    return [
      {
        board,
        suite: String(subject.suite),
        name: String(subject.name),
        results: results.slice(0, limit).map(({ run, started, ...result }) => ({
          ...tested.of(run, board),
          startedMs: started,
          ...result,
        })),
      },
    ];
  });
}

/** As the database packs it: a row for each would cost several times as much. */
interface PackedResult {
  readonly run: number;
  readonly started: number;
  readonly verdict: Verdict;
  readonly ms: number;
  readonly code: string | null;
  readonly message: string | null;
}

type Packed = readonly [number, number, Verdict, number, string | null, string | null];

/** Of each subject the newest first. */
function resultsBySubject(
  history: Reader,
  filter: ResultFilter & { readonly wanted: readonly Row[]; readonly all: boolean },
): ReadonlyMap<number, readonly PackedResult[]> {
  const ids = filter.wanted.map(({ id }) => Number(id));
  const which = filter.all ? '' : `and subject in (${ids.join(', ')})`;
  const rows = history.all(
    `select subject, json_group_array(json_array(run, started, verdict, ms, code, message)) as results
     from result where started >= ? and started <= ? ${which} group by subject`,
    [filter.sinceMs ?? 0, filter.untilMs ?? Number.MAX_SAFE_INTEGER],
  );
  return new Map(
    rows.map(({ subject, results }) => {
      const packed = JSON.parse(String(results)) as Packed[];
      const unpacked = packed.map(
        ([run, started, verdict, ms, code, message]): PackedResult => ({
          run,
          started,
          verdict,
          ms,
          code,
          message,
        }),
      );
      return [Number(subject), unpacked.sort((a, b) => b.started - a.started)];
    }),
  );
}

/** How often a test passed at once, of the times that it came to a verdict about the board. */
export interface Reliability {
  readonly passed: number;
  readonly failed: number;
  readonly flaky: number;
  /** Errors of the rig: no word about the board. */
  readonly errored: number;
  readonly passRate: Rate;
  /** Failed and passed in one run, or on one image with one revision of the rig. */
  readonly isFlaky: boolean;
}

export function reliabilityOf(results: readonly KnownResult[]): Reliability {
  const number = (verdict: Verdict): number => results.filter((result) => result.verdict === verdict).length;
  const [passed, failed, flaky] = [number('passed'), number('failed'), number('flaky')];
  return {
    passed,
    failed,
    flaky,
    errored: number('errored'),
    passRate: wilson(passed, passed + failed + flaky),
    isFlaky: flaky > 0 || changesByItself(results),
  };
}

function changesByItself(results: readonly KnownResult[]): boolean {
  const seen = new Map<string, Verdict>();
  return results.some(({ verdict, revision, imageSha256 }) => {
    // What was tested is not known exactly: a change proves nothing.
    if (imageSha256 === null || revision === null || revision.endsWith('-dirty')) return false;
    if (verdict !== 'passed' && verdict !== 'failed') return false;
    const what = `${imageSha256} ${revision}`;
    const before = seen.get(what);
    seen.set(what, verdict);
    return before !== undefined && before !== verdict;
  });
}
