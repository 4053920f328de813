import { join } from 'node:path';
import type { BoardConfig, Image } from '../../contracts/board.js';
import type { CapabilityName } from '../../contracts/capabilities.js';
import type { RigError } from '../../contracts/errors.js';
import type { EventBody, RigEvent } from '../../contracts/events.js';
import type { MediumWriter } from '../../contracts/medium-writer.js';
import { consoleFile } from '../../record/layout.js';
import type { SecretMask } from '../../record/secrets.js';
import type { ConsoleCount } from '../board/board-console.js';
import { BoardControl } from '../board/board-control.js';
import type { Circuit } from '../board/circuit.js';
import { looksIn, replayedLooks } from './replayed-looks.js';
import { ReplayedSession } from './replayed-session.js';
import { ReplayedShells } from './replayed-shells.js';
import { askKey, type BodyWindow, type Entry } from './timeline.js';
import type { VirtualTime } from './virtual-time.js';

/** What was written then, and whether it read back, are looks, which were recorded. */
const nobodyWrites: MediumWriter = {
  write: async () => ({ mappedBytes: 0, writtenBytes: 0 }),
  verify: async () => {},
  serve: async () => ({ files: { folder: '', bootFile: '' }, [Symbol.asyncDispose]: async () => {} }),
};

/** What a run tells of one board. */
export interface RecordedBoard {
  readonly config: BoardConfig;
  readonly timeline: readonly Entry[];
  readonly has: ReadonlySet<CapabilityName>;
}

/** What a run tells of one attempt, for each of its boards. */
export interface RecordedPlace {
  /** The run folder. */
  readonly dir: string;
  readonly events: readonly RigEvent[];
  readonly window: BodyWindow;
  readonly image: Image | undefined;
  readonly scale: number;
  readonly secrets: SecretMask;
}

/** A recording in the place of a board. */
export interface ReplayedBoard {
  readonly session: ReplayedSession;
  readonly control: BoardControl;
  readonly circuit: Circuit;
}

export async function openReplayed(
  { config, timeline, has }: RecordedBoard,
  {
    place: { dir, events, window, image, scale, secrets },
    emit,
    onUnrecorded,
  }: {
    readonly place: RecordedPlace;
    readonly emit: (event: EventBody) => void;
    readonly onUnrecorded: (error: RigError) => void;
  },
): Promise<ReplayedBoard> {
  const { name } = config;
  const mask = (text: string): string => secrets.maskText(text);
  const hasConsole = timeline.some((entry) => entry.kind === 'bytes');
  const session = new ReplayedSession({
    board: config,
    entries: timeline,
    ...(hasConsole ? { consolePath: join(dir, consoleFile(name)) } : {}),
    has,
    mask,
    onUnrecorded,
  });
  session.playback.startAt(startOf(timeline, window.from));
  const kept: { circuit?: Circuit } = {};
  const control = await BoardControl.open({
    session,
    privateKey: () => undefined,
    emit,
    consolePath: '',
    consoleLog: countingFrom(session.playback.offset),
    secrets,
    scale,
    writer: nobodyWrites,
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

/** @returns where a timeline is played from for a body at event `from`: the power-on, or the state put back, that its own goes back to */
export function startOf(timeline: readonly Entry[], from: number): number {
  const found = timeline.findLastIndex(
    (entry) =>
      entry.seq <= from &&
      (entry.kind === 'restore' || (entry.kind === 'ask' && entry.key === askKey.powerOn)),
  );
  return Math.max(0, found);
}

/** Brings the boards to where they were when the body began, as fast as they can read. */
export function goToBody(
  boards: readonly ReplayedBoard[],
  { from, time }: { from: number; time: VirtualTime },
): void {
  for (;;) {
    const next = boards
      .flatMap((board) =>
        board.session.playback.next ? [{ board, entry: board.session.playback.next }] : [],
      )
      .filter(({ entry }) => entry.seq <= from)
      .sort((a, b) => a.entry.seq - b.entry.seq)[0];
    if (!next) break;
    const { session, circuit } = next.board;
    const { entry } = next;
    time.advanceTo(entry.t);
    if (entry.kind === 'restore' || (entry.kind === 'ask' && entry.key === askKey.powerOn)) {
      circuit.trouble.clear();
      circuit.console?.engine.recover();
      if (entry.kind === 'ask') circuit.life.boots += 1;
      circuit.openEpoch(entry.kind === 'restore' ? 'restore' : 'power-on');
      session.powered('on');
    }
    session.playback.skip();
    if (entry.kind === 'shell') circuit.life.note('shell');
    if (entry.kind === 'stage') circuit.life.note(entry.stage);
  }
  // The body began then, so whatever had happened before was over.
  for (const { circuit } of boards) {
    circuit.trouble.clear();
    circuit.console?.engine.recover();
  }
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
