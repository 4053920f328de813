import type { RigEvent } from '../contracts/events.js';
import { consoleFile } from './layout.js';
import type { BoardEvent, BoardRecord, ConsoleChunk, EpochRecord, SlotBootRecord } from './model.js';

type Draft = { -readonly [Key in keyof BoardRecord]: BoardRecord[Key] } & {
  console: ConsoleChunk[];
  timeline: BoardEvent[];
};

/** The boards of a run in the order in which they were first heard of. */
export function buildBoards(events: readonly RigEvent[], endT: number): BoardRecord[] {
  const drafts = new Map<string, Draft>();
  for (const event of events) {
    if (!('board' in event) || event.board === undefined) continue;
    let draft = drafts.get(event.board);
    if (draft === undefined) {
      draft = {
        name: event.board,
        boots: 0,
        consoleFile: consoleFile(event.board),
        console: [],
        epochs: [],
        timeline: [],
        slotBoots: [],
      };
      drafts.set(event.board, draft);
    }
    add(draft, event);
  }
  return [...drafts.values()].map((draft) => {
    const epochs = epochsOf(draft.timeline, endT);
    // Only a board that was closed has told how often it was booted.
    const boots = draft.boots || epochs.filter((epoch) => epoch.reason === 'power-on').length;
    return { ...draft, epochs, boots, slotBoots: slotBootsOf(draft.timeline) };
  });
}

function add(draft: Draft, event: RigEvent): void {
  switch (event.type) {
    case 'board.open':
      draft.open = event;
      return;
    case 'board.close':
      draft.boots = event.boots;
      if (event.cpuSeconds !== undefined) draft.cpuSeconds = event.cpuSeconds;
      return;
    case 'console':
      draft.console.push({
        seq: event.seq,
        t: event.t,
        offset: event.offset,
        length: event.length,
        epoch: event.epoch,
      });
      return;
    case 'board.broken':
      draft.broken ??= event.error;
      draft.timeline.push(event);
      return;
    case 'power':
    case 'reset':
    case 'link':
    case 'mux':
    case 'edge':
    case 'provision':
    case 'epoch':
    case 'stage':
    case 'console.input':
    case 'shell':
    case 'snapshot':
    case 'slot.boot':
    case 'log':
      draft.timeline.push(event);
      return;
    default:
      return;
  }
}

/** A boot without a verdict is told when the next epoch has begun. */
function slotBootsOf(timeline: readonly BoardEvent[]): SlotBootRecord[] {
  return timeline
    .filter((event) => event.type === 'slot.boot')
    .map(({ t, epoch, slot, version, tries, why, verdict, complaint }) => ({
      t,
      epoch,
      slot,
      verdict,
      ...(version === undefined ? {} : { version }),
      ...(tries === undefined ? {} : { tries }),
      ...(why === undefined ? {} : { why }),
      ...(complaint === undefined ? {} : { complaint }),
    }));
}

function epochsOf(timeline: readonly BoardEvent[], endT: number): EpochRecord[] {
  return timeline.flatMap((event, index) => {
    if (event.type !== 'epoch') return [];
    const later = timeline.slice(index + 1);
    const end = later.find(
      (other) => other.type === 'epoch' || (other.type === 'power' && other.state === 'off'),
    );
    const stages = timeline
      .filter((other) => other.type === 'stage')
      .filter((other) => other.epoch === event.epoch)
      .map(({ stage, ms, t }) => ({ stage, ms, t }));
    const { epoch, reason, t, offset } = event;
    return [{ epoch, reason, t, offset, stages, endT: end?.t ?? endT }];
  });
}
