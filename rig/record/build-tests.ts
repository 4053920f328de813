import type { ErrorRecord } from '../contracts/errors.js';
import type { RigEvent } from '../contracts/events.js';
import type { Verdict } from '../contracts/verdict.js';
import { buildAttempt } from './build-attempt.js';
import { type AttemptRecord, boardAskedFor, type SuiteRecord, type TestRecord } from './model.js';

type TestEvent = Extract<RigEvent, { id: string }>;
type SuiteStart = Extract<RigEvent, { type: 'suite.start' }>;
type TestEnd = Extract<RigEvent, { type: 'test.end' }>;

/** What is said of a test that has no end. */
const unfinished: ErrorRecord = {
  code: 'run.truncated',
  blame: 'rig',
  message: 'The run ended before this test did',
  hint: 'The rig was killed, or lost its machine or disk, while this test ran. Run it again.',
};

/** Suites with their tests, in the order they began. `endT`: the time of the last event. */
export function buildTests(
  events: readonly RigEvent[],
  endT: number,
): { suites: SuiteRecord[]; tests: TestRecord[] } {
  const tests = [...groupByTest(events).values()].map((own) => buildTest(own, endT));
  const suites = suiteStarts(events).map((start): SuiteRecord => {
    const { suite, board, file } = start;
    const own = tests.filter((test) => test.suite === suite && boardAskedFor(test) === board);
    const end = events.findLast(
      (event) => event.type === 'suite.end' && event.suite === suite && event.board === board,
    );
    return {
      suite,
      board,
      ...(file === undefined ? {} : { file }),
      planned: start.tests,
      startT: start.t,
      endT: end?.t ?? endT,
      tests: own,
    };
  });
  const known = new Set(suites.flatMap((suite) => suite.tests));
  // Reports go by suite: a test that belongs to none would silently be missing from them.
  if (tests.some((test) => !known.has(test))) throw new TypeError('test without a suite');
  return { suites, tests: [...known] };
}

/** Recorders of before told a suite again whose tests of another image variant came later. */
function suiteStarts(events: readonly RigEvent[]): SuiteStart[] {
  const starts = new Map<string, SuiteStart>();
  for (const event of events) {
    if (event.type !== 'suite.start') continue;
    const key = JSON.stringify([event.board, event.suite]);
    if (!starts.has(key)) starts.set(key, event);
  }
  return [...starts.values()];
}

function groupByTest(events: readonly RigEvent[]): Map<string, TestEvent[]> {
  const groups = new Map<string, TestEvent[]>();
  for (const event of events) {
    if (!('id' in event)) continue;
    const group = groups.get(event.id);
    if (group) group.push(event);
    else groups.set(event.id, [event]);
  }
  return groups;
}

function buildTest(events: readonly TestEvent[], endT: number): TestRecord {
  const starts = events.filter((event) => event.type === 'test.start');
  const ends = events.filter((event) => event.type === 'test.end');
  const attempts = starts.map((start): AttemptRecord => {
    const own = events.filter((event) => event.attempt === start.attempt);
    return buildAttempt(start, own, { endT, unfinished });
  });
  const named = starts[0] ?? ends[0];
  if (named === undefined) throw new TypeError('test without a start');
  const final = finalVerdict(ends, attempts);
  const last = attempts.at(-1);
  // A retry that came out otherwise does not take a failure back: it is told, not the retry's reason.
  const decisive = attempts.findLast((one) => one.verdict === final) ?? last;
  const error =
    decisive?.error ?? (final === 'flaky' ? attempts.findLast((one) => one.error)?.error : undefined);
  return {
    id: named.id,
    board: named.board,
    suite: named.suite,
    name: named.name,
    ...(starts[0]?.forkOf === undefined ? {} : { forkOf: starts[0].forkOf }),
    ...(starts[0]?.repetition ? { repetition: starts[0].repetition } : {}),
    verdict: final,
    ms: attempts.reduce((sum, attempt) => sum + attempt.ms, 0),
    attempts,
    ...(decisive?.reason === undefined ? {} : { reason: decisive.reason }),
    ...(error === undefined ? {} : { error }),
  };
}

/** Without a final verdict a retry was due, or under way, when the run ended. */
function finalVerdict(ends: readonly TestEnd[], attempts: readonly AttemptRecord[]): Verdict {
  const told = ends.findLast((end) => end.final !== undefined)?.final;
  return told ?? (ends.length < attempts.length ? 'errored' : (attempts.at(-1)?.verdict ?? 'errored'));
}
