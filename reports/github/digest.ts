import type { ErrorRecord } from '../../rig/contracts/errors.js';
import { isExpired } from '../../rig/contracts/matrix.js';
import type { NightReport } from '../../rig/contracts/night.js';
import type { Verdict, VerdictCounts } from '../../rig/contracts/verdict.js';
import { boardAskedFor, boardsOf, nameOf, type RunRecord, type TestRecord } from '../../rig/record/model.js';
import { consoleTailOf } from '../console-text.js';
import { newsWords, nightVerdict, placeWords } from '../night/words.js';
import { runVerdict } from '../words.js';

/** What a CI page says of a run or a night. Texts may come from a board. */
export interface Digest {
  readonly title: string;
  readonly word: string;
  readonly news?: string;
  readonly counts: VerdictCounts;
  readonly ms: number;
  readonly failures: readonly DigestFailure[];
  /** Rows of places, columns of suites. */
  readonly cells: readonly {
    readonly place: string;
    readonly suite: string;
    readonly verdict: Verdict;
    readonly counts: VerdictCounts;
  }[];
}

export interface DigestFailure {
  readonly place: string;
  readonly suite: string;
  readonly name: string;
  readonly verdict: Verdict;
  readonly isNew?: boolean;
  /** Known and in quarantine: worth a notice, no more. */
  readonly excused?: boolean;
  readonly error?: ErrorRecord;
  readonly console?: string;
}

const consoleBytes = 2_048;

export function digestOfNight(report: NightReport): Digest {
  const { plan, counts, durationMs, failures, jobs } = report;
  return {
    title: `boardrig, night of ${plan.startedAt.slice(0, 10)}`,
    word: nightVerdict(report).word,
    news: newsWords(report),
    counts,
    ms: durationMs,
    failures: failures.map(
      ({ quarantine, ...failure }): DigestFailure => ({
        ...failure,
        place: placeWords(failure),
        excused: quarantine !== undefined && !isExpired(quarantine, plan) && failure.verdict === 'failed',
      }),
    ),
    cells: jobs.flatMap((job) =>
      job.suites.map(({ suite, verdict, counts }) => ({ place: placeWords(job), suite, verdict, counts })),
    ),
  };
}

export function digestOfRun(run: RunRecord): Digest {
  const bad = run.tests.filter(({ verdict }) => verdict === 'failed' || verdict === 'errored');
  return {
    title: `boardrig, ${run.run}`,
    word: runVerdict(run).word,
    counts: run.counts,
    ms: run.durationMs,
    failures: bad.map((test): DigestFailure => {
      const console = consoleOf(run, test);
      return {
        place: boardAskedFor(test),
        suite: test.suite,
        name: nameOf(test),
        verdict: test.verdict,
        ...(test.error ? { error: test.error } : {}),
        ...(console === '' ? {} : { console }),
      };
    }),
    cells: [],
  };
}

function consoleOf(run: RunRecord, test: TestRecord): string {
  const attempt = test.attempts.at(-1);
  if (!attempt) return '';
  return boardsOf(run, test)
    .map((board) => consoleTailOf(run, { board, attempt, maxBytes: consoleBytes }).text)
    .filter((text) => text !== '')
    .join('\n');
}
