import type { BoardConfig, Image } from '../../contracts/board.js';
import type { Cancellable, CapabilityName } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import type { EventBody, RigEvent } from '../../contracts/events.js';
import type { SuiteDefinition } from '../../contracts/suite.js';
import type { AttemptRecord, RunRecord, TestRecord } from '../../record/model.js';
import { readEvents, readRun } from '../../record/reader.js';
import type { SecretMask } from '../../record/secrets.js';
import {
  type Difference,
  type Ending,
  firstDifference,
  type Happening,
  happening,
  outcomeOf,
  type ReplayOutcome,
} from './differences.js';
import type { Speed } from './drive.js';
import { type AttemptReplay, replayAttempt } from './replay-attempt.js';
import { type BodyWindow, bodyWindow, type Entry, timelineOf } from './timeline.js';

export interface ReplayOptions extends Cancellable {
  /** The suites as they are now, by the names that the run has. */
  readonly suites: readonly SuiteDefinition[];
  /** The board as it is known now. @throws RigError when it is not */
  readonly board: (name: string, typeName: string) => BoardConfig;
  /** Ids of tests; absent: all that ran. */
  readonly only?: ReadonlySet<string>;
  readonly speed: Speed;
  readonly secrets: SecretMask;
  /** Called as each attempt is done. */
  readonly onReplayed?: (test: ReplayedTest) => void;
}

/** One attempt of a test, then and now. */
export interface ReplayedTest {
  readonly id: string;
  readonly attempt: number;
  readonly outcome: ReplayOutcome;
  readonly recorded: Ending;
  readonly now: Ending;
  /** Where it went another way, by a byte of the board's console file; absent: nowhere. */
  readonly where?: Difference;
  readonly notes: readonly string[];
}

export interface RunReplay {
  readonly run: string;
  readonly tests: readonly ReplayedTest[];
  /** Tests that there is nothing to replay of, and why. */
  readonly left: readonly { readonly id: string; readonly why: string }[];
}

/**
 * Runs the suites' bodies of today on the boards as a run recorded them.
 *
 * @throws RigError as `readRun`; `replay.nothing` when no test is left to replay
 */
export async function replayRun(dir: string, options: ReplayOptions): Promise<RunReplay> {
  const run = await readRun(dir);
  const events = await readEvents(dir);
  // Loaded now: later its time would be the replay's.
  await import('tap');
  const timelines = new Map<string, readonly Entry[]>();
  const tests: ReplayedTest[] = [];
  const left: { id: string; why: string }[] = [];
  for (const test of run.tests) {
    if (options.only && !options.only.has(test.id)) continue;
    for (const attempt of test.attempts) {
      options.signal?.throwIfAborted();
      const window = bodyWindow(events, { id: test.id, attempt: attempt.attempt });
      const why = leftOut(attempt, window);
      if (!window || why !== undefined) {
        left.push({ id: test.id, why: why ?? 'its body did not begin' });
        continue;
      }
      const replayed = await replayOne({ run, events, timelines, test, attempt, window }, options);
      tests.push(replayed);
      options.onReplayed?.(replayed);
    }
  }
  if (tests.length === 0) throw nothing(run, left);
  return { run: run.run, tests, left };
}

function leftOut(attempt: AttemptRecord, window: BodyWindow | undefined): string | undefined {
  if (attempt.verdict === 'blocked') return `it was blocked: ${attempt.reason ?? ''}`;
  if (!window && attempt.verdict === 'skipped') return `it was skipped: ${attempt.reason ?? ''}`;
  return window ? undefined : 'its start state was not reached, so its body did not begin';
}

interface One {
  readonly run: RunRecord;
  readonly events: readonly RigEvent[];
  readonly timelines: Map<string, readonly Entry[]>;
  readonly test: TestRecord;
  readonly attempt: AttemptRecord;
  readonly window: BodyWindow;
}

async function replayOne(one: One, options: ReplayOptions): Promise<ReplayedTest> {
  const { run, events, test, attempt, window } = one;
  const recorded: Ending = {
    verdict: attempt.verdict,
    ...(attempt.error ? { error: attempt.error } : {}),
  };
  const suite = options.suites.find((candidate) => candidate.name === test.suite);
  const definition = suite?.tests.find((candidate) => candidate.name === test.name);
  const head = { id: test.id, attempt: attempt.attempt, recorded };
  if (!suite || !definition)
    return { ...head, outcome: 'diverged', now: notThere(test), notes: ['the suite has no such test now'] };
  const names = boardsOf(run, test.board, definition.options.boards);
  const boards = names.map((name) => {
    const config = options.board(name, openOf(run, name)?.boardType ?? '');
    return { config, timeline: timelineFor(one, name), has: capabilitiesOf(one, config) };
  });
  const virtual = openOf(run, test.board)?.virtual === true;
  const replay = await replayAttempt(
    {
      id: test.id,
      suite,
      test: definition,
      ...(test.repetition ? { repetition: test.repetition } : {}),
    },
    {
      dir: run.dir,
      events,
      boards,
      image: imageOf(one, openOf(run, test.board), definition.options.variant),
      attempt: attempt.attempt,
      seed: run.seed,
      window,
      error: attempt.error,
      truncated: run.truncated && attempt.error?.code === 'run.truncated',
      scale: virtual ? run.host.speedFactor : 1,
      secrets: options.secrets,
      speed: options.speed,
      ...(options.signal ? { signal: options.signal } : {}),
    },
  );
  return { ...head, ...judged(one, { recorded, replay }) };
}

function judged(
  { events, test, attempt, window }: One,
  { recorded, replay }: { recorded: Ending; replay: AttemptReplay },
): Pick<ReplayedTest, 'outcome' | 'now' | 'where' | 'notes'> {
  const { outcome: now, diverged, happenings } = replay;
  const then = recordedHappenings(events, { window, id: test.id, attempt: attempt.attempt });
  // An old run tells neither how waits ended nor what the suite typed.
  const told = then.waits ? happenings : happenings.filter(({ key }) => !/^(wait|type) /.test(key));
  const difference = firstDifference(then.all, told);
  const outcome = outcomeOf(recorded, now, { difference, diverged: diverged !== undefined });
  const where = diverged ? asked(diverged, difference, test.board) : difference;
  return { outcome, now, notes: replay.notes, ...(where ? { where } : {}) };
}

/** A question that nobody recorded is where it went apart, unless a match did so before. */
function asked(diverged: RigError, difference: Difference | undefined, own: string): Difference {
  const { offset, what, board } = diverged.evidence;
  if (difference?.matched) return difference;
  const recorded = difference?.recorded ?? 'nothing more';
  return {
    offset: Number(offset ?? 0),
    recorded,
    now: `${String(what ?? diverged.message)}, which was not recorded`,
    board: String(board ?? own),
  };
}

function recordedHappenings(
  events: readonly RigEvent[],
  { window, id, attempt }: { window: BodyWindow; id: string; attempt: number },
): { all: readonly Happening[]; waits: boolean } {
  const offsets = new Map<string, number>();
  const all = events.slice(0, window.to).flatMap((event): Happening[] => {
    if (event.type === 'console') offsets.set(event.board, event.offset + event.length);
    if (event.seq < window.from || !('board' in event) || event.board === undefined) return [];
    if ('id' in event && (event.id !== id || event.attempt !== attempt)) return [];
    if (event.type === 'console.input' && event.by !== 'suite') return [];
    const { board } = event;
    const seen = happening(event, { board, offset: offsets.get(board) ?? 0 });
    return seen ? [seen] : [];
  });
  return { all, waits: !window.guessed };
}

function timelineFor({ timelines, events }: One, board: string): readonly Entry[] {
  const known = timelines.get(board);
  if (known) return known;
  const made = timelineOf(events, board);
  timelines.set(board, made);
  return made;
}

/** The test's own board, and the further ones that were opened for such tests: they have no test of their own. */
function boardsOf(run: RunRecord, own: string, count: number): readonly string[] {
  const planned = new Set(run.tests.map((test) => test.board));
  const others = run.boards
    .filter((board) => board.open && !planned.has(board.name))
    .map(({ name }) => name)
    .sort((a, b) => Number(b.startsWith(`${own}~`)) - Number(a.startsWith(`${own}~`)));
  return [own, ...others].slice(0, count);
}

/** Older runs do not tell: then a board without an address is one that was never asked over ssh. */
function capabilitiesOf({ run, events }: One, { name, type }: BoardConfig): ReadonlySet<CapabilityName> {
  const { capabilities } = openOf(run, name) ?? {};
  if (capabilities) return new Set(capabilities);
  const vias = events.flatMap((event) => (event.type === 'shell' && event.board === name ? [event.via] : []));
  const lacksAddress = vias.length > 0 && !vias.includes('ssh');
  return new Set(type.capabilities.filter((capability) => capability !== 'address' || !lacksAddress));
}

type Open = Extract<EventBody, { type: 'board.open' }>;

function openOf(run: RunRecord, name: string): Open | undefined {
  return run.boards.find((board) => board.name === name)?.open;
}

/** What was on the medium; older runs name the image of the board only, and a test of another variant had another. */
function imageOf(
  { window }: One,
  open: Open | undefined,
  variant: 'dev' | 'prod' | undefined,
): Image | undefined {
  const facts = window.image ?? (open?.image && { ...open.image, ...(variant ? { variant } : {}) });
  return facts && { ...facts, sizeBytes: facts.sizeBytes ?? 0 };
}

function notThere(test: TestRecord): Ending {
  return {
    verdict: 'errored',
    error: {
      code: 'replay.no-such-test',
      blame: 'suite',
      message: `Suite ${test.suite} has no test "${test.name}" now`,
      hint: 'Was it renamed? Give the suite that has it with --suite.',
    },
  };
}

function nothing(run: RunRecord, left: readonly { id: string; why: string }[]): RigError {
  const [first] = left;
  return new RigError(
    `There is nothing to replay in run ${run.run}${first ? `: ${first.id}: ${first.why}` : ': no test ran'}`,
    {
      code: 'replay.nothing',
      blame: 'config',
      hint: 'Only tests whose body began were recorded as far as a replay needs.',
    },
  );
}
