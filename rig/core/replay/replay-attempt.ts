import type { Cancellable } from '../../contracts/capabilities.js';
import { type ErrorRecord, RigError } from '../../contracts/errors.js';
import type { EventBody } from '../../contracts/events.js';
import { DisposalStack } from '../../lifetime/disposal-stack.js';
import { type AttemptOutcome, runAttempt } from '../runner/attempt.js';
import { TestHostServices } from '../runner/host-services.js';
import type { PlannedTest } from '../runner/plan.js';
import { type Happening, happening } from './differences.js';
import { drive, type Speed } from './drive.js';
import { NoNetwork } from './no-network.js';
import {
  goToBody,
  openReplayed,
  type RecordedBoard,
  type RecordedPlace,
  type ReplayedBoard,
  startOf,
} from './replayed-board.js';
import { VirtualTime } from './virtual-time.js';

export interface AttemptReplayOptions extends RecordedPlace, Cancellable {
  /** The boards of the test, its own first. */
  readonly boards: readonly RecordedBoard[];
  readonly attempt: number;
  /** The run's. */
  readonly seed: number;
  /** How the recorded attempt ended. */
  readonly error: ErrorRecord | undefined;
  /** The log ends in the middle of the attempt. */
  readonly truncated: boolean;
  readonly speed: Speed;
}

/** What came of a body on recorded boards. */
export interface AttemptReplay {
  readonly outcome: AttemptOutcome;
  /** What the suite asked that nobody recorded, or that the record ended: the outcome means nothing then. */
  readonly diverged?: RigError;
  readonly happenings: readonly Happening[];
  readonly notes: readonly string[];
}

/** Runs the body of one test once on boards that are recordings, on a clock of its own. */
export async function replayAttempt(
  planned: PlannedTest,
  options: AttemptReplayOptions,
): Promise<AttemptReplay> {
  const { window, events, scale } = options;
  const over = new AbortController();
  const state: { diverged?: RigError } = {};
  const diverge = (error: RigError): void => {
    state.diverged ??= error;
    over.abort(error);
  };
  const happenings: Happening[] = [];
  const [first] = events;
  const startT = Math.min(
    ...options.boards.map(({ timeline }) => timeline[startOf(timeline, window.from)]?.t ?? 0),
  );
  using time = new VirtualTime({ nowMs: startT, wallMs: Date.parse(first?.wall ?? '') + startT });
  await using ends = new DisposalStack();
  const replayed: ReplayedBoard[] = [];
  let inBody = false;
  for (const [index, recorded] of options.boards.entries()) {
    const emit = (event: EventBody): void => {
      const one = replayed[index];
      const offset = one?.session.playback.offset ?? 0;
      const seen = inBody ? happening(event, { board: recorded.config.name, offset }) : undefined;
      if (seen) happenings.push(seen);
    };
    const one = await openReplayed(recorded, { place: options, emit, onUnrecorded: diverge });
    ends.use(one.control);
    replayed.push(one);
  }
  goToBody(replayed, { from: window.from, time });
  time.advanceTo(events[window.from]?.t ?? 0);

  const [own] = replayed;
  if (!own) throw new TypeError('a test needs at least one board');
  using _network = new NoNetwork((address) => own.session.unrecorded(`connect to ${address}`));
  const host = new TestHostServices({
    bindAddress: '127.0.0.1',
    observe: own.control.observe,
    onRequest: () => {},
    derive: async () => undefined,
    bundle: async () => undefined,
    signal: over.signal,
  });
  own.session.onRequest = (request) => host.requested(request);
  const signal = options.signal ? AbortSignal.any([over.signal, options.signal]) : over.signal;
  inBody = true;
  for (const { session } of replayed) {
    session.playback.onExhausted = () => exhausted(replayed, { options, diverge });
    session.playback.begin(window.to);
  }
  const body = runAttempt(planned, {
    place: { id: planned.id, board: own.control.name, attempt: options.attempt },
    boards: replayed.map(({ control }) => control),
    host,
    seed: options.seed,
    scale,
    signal,
    emit: (event) => {
      const place = { board: own.control.name, offset: own.session.playback.offset };
      const seen = event.type === 'assert' ? happening(event, place) : undefined;
      if (seen) happenings.push(seen);
    },
    // It is in the run already.
    keep: async () => {},
    useSignal: (ending) => {
      for (const { control } of replayed) control.useSignal(ending);
    },
  });
  const outcome = await drive(time, body, {
    speed: options.speed,
    ...(options.signal ? { signal: options.signal } : {}),
  });
  // Nobody moves the clock from here on, so nothing may wait for the board any more.
  for (const { session } of replayed) session.end();
  const { diverged } = state;
  return { outcome, happenings, notes: notesOf(replayed, options), ...(diverged ? { diverged } : {}) };
}

/** Errors that say that time ran out: a replay finds that out by itself. */
const byTime = /\.(timeout|deadline|never-true|no-answer|no-shell|no-panic|no-reset)$/;

/** The record has nothing more for this test: what ended it then ends it now, where it was not the test itself. */
function exhausted(
  boards: readonly ReplayedBoard[],
  { options, diverge }: { options: AttemptReplayOptions; diverge: (error: RigError) => void },
): void {
  const { error, truncated } = options;
  const missing = boards.some(({ session }) => session.missingBytes > 0);
  const [own] = boards;
  if (own && (truncated || missing)) {
    // Whoever acts on the last bytes does so first.
    setTimeout(() => diverge(recordEnds(own)), 1);
  } else if (error?.blame === 'rig' && !byTime.test(error.code)) {
    const { code, blame, message, hint } = error;
    const again = new RigError(message, { code: code as `${string}.${string}`, blame, hint });
    setTimeout(() => own?.session.lose(again), 1);
  }
}

function recordEnds({ session }: ReplayedBoard): RigError {
  const { offset } = session.playback;
  return new RigError(
    `The record of ${session.board.name} ends at byte ${offset} of its console, and the test waits for more`,
    {
      code: 'replay.record-ends',
      blame: 'suite',
      hint: 'The run was cut short there.',
      evidence: { board: session.board.name, offset, what: 'wait for more' },
    },
  );
}

function notesOf(boards: readonly ReplayedBoard[], options: AttemptReplayOptions): string[] {
  const guessed = options.window.guessed
    ? ['recorded by an older rig: where the body began is guessed, and commands have no output']
    : [];
  return [
    ...guessed,
    ...boards.flatMap(({ session: { playback, missingBytes, board } }) => [
      ...(playback.held
        ? [`what ${board.name} did after "${playback.held.key}" was held back: the suite did not ask it`]
        : []),
      ...playback.passedOver.map((key) => `${board.name} was asked "${key}" then, and not now`),
      ...(missingBytes > 0 ? [`the console of ${board.name} lacks ${missingBytes} bytes`] : []),
    ]),
  ];
}
