import { join } from 'node:path';
import type { BoardConfig, Image } from '../../contracts/board.js';
import type { Cancellable } from '../../contracts/capabilities.js';
import { type ErrorRecord, RigError } from '../../contracts/errors.js';
import type { EventBody, RigEvent } from '../../contracts/events.js';
import { DisposalStack } from '../../lifetime/disposal-stack.js';
import { consoleFile } from '../../record/layout.js';
import type { SecretMask } from '../../record/secrets.js';
import type { ConsoleCount } from '../board/board-console.js';
import { BoardControl } from '../board/board-control.js';
import type { Circuit } from '../board/circuit.js';
import { type AttemptOutcome, runAttempt } from '../runner/attempt.js';
import { TestHostServices } from '../runner/host-services.js';
import type { PlannedTest } from '../runner/plan.js';
import { type Happening, happening } from './differences.js';
import { drive, type Speed } from './drive.js';
import { NoNetwork } from './no-network.js';
import { looksIn, replayedLooks } from './replayed-looks.js';
import { ReplayedSession } from './replayed-session.js';
import { ReplayedShells } from './replayed-shells.js';
import { askKey, type BodyWindow, type Entry } from './timeline.js';
import { VirtualTime } from './virtual-time.js';

export interface AttemptReplayOptions extends Cancellable {
  readonly dir: string;
  readonly events: readonly RigEvent[];
  /** The boards of the test, its own first. */
  readonly boards: readonly { readonly config: BoardConfig; readonly timeline: readonly Entry[] }[];
  readonly image: Image | undefined;
  readonly attempt: number;
  /** The run's. */
  readonly seed: number;
  readonly window: BodyWindow;
  /** How the recorded attempt ended. */
  readonly error: ErrorRecord | undefined;
  /** The log ends in the middle of the attempt. */
  readonly truncated: boolean;
  readonly scale: number;
  readonly secrets: SecretMask;
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

interface Replayed {
  readonly session: ReplayedSession;
  readonly control: BoardControl;
  readonly circuit: Circuit;
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
  const starts = options.boards.map(({ timeline }) => startOf(timeline, window.from));
  const [first] = events;
  const startT = Math.min(
    ...options.boards.map(({ timeline }, index) => timeline[starts[index] ?? 0]?.t ?? 0),
  );
  using time = new VirtualTime({ nowMs: startT, wallMs: Date.parse(first?.wall ?? '') + startT });
  await using ends = new DisposalStack();
  const replayed: Replayed[] = [];
  let inBody = false;
  for (const [index, { config, timeline }] of options.boards.entries()) {
    const emit = (event: EventBody): void => {
      const one = replayed[index];
      const offset = one?.session.playback.offset ?? 0;
      const seen = inBody ? happening(event, { board: config.name, offset }) : undefined;
      if (seen) happenings.push(seen);
    };
    const one = await openReplayed(config, { timeline, startAt: starts[index] ?? 0, emit, diverge, options });
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

async function openReplayed(
  config: BoardConfig,
  how: {
    timeline: readonly Entry[];
    startAt: number;
    emit: (event: EventBody) => void;
    diverge: (error: RigError) => void;
    options: AttemptReplayOptions;
  },
): Promise<Replayed> {
  const { dir, events, scale, secrets, image, window } = how.options;
  const { name } = config;
  const vias = events.flatMap((event) => (event.type === 'shell' && event.board === name ? [event.via] : []));
  const mask = (text: string): string => secrets.maskText(text);
  const session = new ReplayedSession({
    board: config,
    entries: how.timeline,
    ...(how.timeline.some((entry) => entry.kind === 'bytes')
      ? { consolePath: join(dir, consoleFile(name)) }
      : {}),
    hasAddress: vias.length > 0 ? vias.includes('ssh') : config.type.capabilities.includes('address'),
    mask,
    onUnrecorded: how.diverge,
  });
  session.playback.startAt(how.startAt);
  const kept: { circuit?: Circuit } = {};
  const control = await BoardControl.open({
    session,
    privateKey: () => undefined,
    emit: how.emit,
    consolePath: '',
    consoleLog: countingFrom(session.playback.offset),
    secrets,
    scale,
    observe: (circuit) =>
      replayedLooks(circuit, { session, dir, mask, seen: looksIn(events, { board: name, window }) }),
    shells: (circuit) => {
      kept.circuit = circuit;
      return new ReplayedShells(circuit, { session, dir, mask });
    },
  });
  if (!kept.circuit) throw new TypeError('a board without a circuit');
  control.image = image;
  return { session, control, circuit: kept.circuit };
}

/** Offsets as in the recorded file, though the replay begins in its middle. */
function countingFrom(offset: number): ConsoleCount {
  const count = { offset };
  return {
    get offset() {
      return count.offset;
    },
    append: (chunk) => {
      const at = count.offset;
      count.offset += chunk.length;
      return at;
    },
  };
}

/** The power-on, or the state put back, that the body's own goes back to: what was before it is gone from the board. */
function startOf(timeline: readonly Entry[], from: number): number {
  const found = timeline.findLastIndex(
    (entry) =>
      entry.seq <= from &&
      (entry.kind === 'restore' || (entry.kind === 'ask' && entry.key === askKey.powerOn)),
  );
  return Math.max(0, found);
}

/** Brings the boards to where they were when the body began, as fast as they can read. */
function goToBody(boards: readonly Replayed[], { from, time }: { from: number; time: VirtualTime }): void {
  for (;;) {
    const next = boards
      .flatMap((board) =>
        board.session.playback.next ? [{ board, entry: board.session.playback.next }] : [],
      )
      .filter(({ entry }) => entry.seq <= from)
      .sort((a, b) => a.entry.seq - b.entry.seq)[0];
    if (!next) break;
    const { session, circuit } = next.board;
    time.advanceTo(next.entry.t);
    const { entry } = next;
    if (entry.kind === 'restore' || (entry.kind === 'ask' && entry.key === askKey.powerOn)) {
      circuit.trouble.clear();
      circuit.console?.engine.recover();
      if (entry.kind === 'ask') circuit.life.boots += 1;
      circuit.openEpoch('power-on');
      session.powered('on');
    }
    session.playback.skip();
    if (entry.kind === 'shell') circuit.life.note('shell');
  }
  // The body began then, so whatever had happened before was over.
  for (const { circuit } of boards) {
    circuit.trouble.clear();
    circuit.console?.engine.recover();
  }
}

/** Errors that say that time ran out: a replay finds that out by itself. */
const byTime = /\.(timeout|deadline|never-true|no-answer|no-shell|no-panic|no-reset)$/;

/** The record has nothing more for this test: what ended it then ends it now, where it was not the test itself. */
function exhausted(
  boards: readonly Replayed[],
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

function recordEnds({ session }: Replayed): RigError {
  const { offset } = session.playback;
  return new RigError(
    `The record of ${session.board.name} ends at byte ${offset} of its console, and the test waits for more`,
    {
      code: 'replay.record-ends',
      blame: 'suite',
      hint: 'The run was cut short there.',
      evidence: { board: session.board.name, offset, what: 'more than the record holds' },
    },
  );
}

function notesOf(boards: readonly Replayed[], options: AttemptReplayOptions): string[] {
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
