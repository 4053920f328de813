import type { Stage } from '../../contracts/board.js';
import type { DeviceEvent } from '../../contracts/driver.js';
import { RigError } from '../../contracts/errors.js';
import type { EventBody, ImageFacts, RigEvent } from '../../contracts/events.js';
import type { HostRequest } from '../runner/host-services.js';

type Answer = Extract<RigEvent, { type: 'shell' | 'ssh.login' }>;

/** What a board did, or was made to do, in the order recorded. */
export type Entry = { readonly seq: number; readonly t: number } & (
  | { readonly kind: 'bytes'; readonly offset: number; readonly length: number }
  /** The board went on only after it was asked this. `soft`: nobody knows whether the suite asked it. */
  | { readonly kind: 'ask'; readonly key: string; readonly soft: boolean; readonly answer?: Answer }
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'device'; readonly event: DeviceEvent }
  /** A Shell answered for the first time in this epoch. */
  | { readonly kind: 'shell' }
  /** The rig knew of a stage otherwise than from the console. */
  | { readonly kind: 'stage'; readonly stage: Stage }
  /** The rig put it back into a state that was saved: only ever on the way to where a test begins. */
  | { readonly kind: 'restore' }
  /** Something, the board as a rule, asked a server of the test. */
  | { readonly kind: 'request'; readonly request: HostRequest }
);

/** Console bytes are told at most this much late (`Progress`); runs that do not tell them early need the allowance. */
const lateMs = 21;

/** Names of what a board can be asked, as they stand in a timeline. */
export const askKey = {
  powerOn: 'power on',
  powerOff: 'power off',
  reset: 'reset',
  link: (state: string): string => `link ${state}`,
  type: (text: string): string => `type ${JSON.stringify(text)}`,
  shell: (via: string, command: string): string => `run ${JSON.stringify(command)} over ${via}`,
  look: (what: string): string => `look at ${what}`,
  login: (method: string): string => `log in over ssh with method ${method}`,
} as const;

/** Whether a run was recorded by a rig that did not tell yet what commands print and when bodies begin. */
export function isOldRun(events: readonly RigEvent[]): boolean {
  const ran = events.some((event) => event.type === 'assert' || event.type === 'shell');
  return ran && !events.some((event) => event.type === 'test.body');
}

/** The timeline of one board from the events of a whole run. @throws RigError `replay.gap` */
export function timelineOf(events: readonly RigEvent[], board: string): readonly Entry[] {
  const old = isOldRun(events);
  const own = events.filter((event) => 'board' in event && event.board === board);
  refuseGaps(own, board);
  const answers = new Map<number, Answer>();
  for (const event of own)
    if ((event.type === 'shell' || event.type === 'ssh.login') && event.call !== undefined)
      answers.set(event.call, event);
  let poweredOn = false;
  /** Bytes of an epoch came after it had begun. */
  let leastT = 0;
  const entries = own.flatMap((event): Entry[] => {
    const { seq, t } = event;
    if (['power', 'epoch', 'reset', 'link'].includes(event.type)) leastT = t;
    const ask = (key: string, more: { soft?: boolean; answer?: Answer } = {}): Entry => ({
      seq,
      t,
      kind: 'ask',
      key,
      soft: more.soft ?? false,
      ...(more.answer ? { answer: more.answer } : {}),
    });
    const device = (told: DeviceEvent): Entry => ({ seq, t, kind: 'device', event: told });
    switch (event.type) {
      case 'console':
        return [
          {
            seq,
            t: old ? Math.max(leastT, t - lateMs) : t,
            kind: 'bytes',
            offset: event.offset,
            length: event.length,
          },
        ];
      case 'epoch':
        if (event.reason === 'reset') return [];
        poweredOn = true;
        return event.reason === 'power-on' ? [ask(askKey.powerOn)] : [{ seq, t, kind: 'restore' }];
      case 'power': {
        const told = device({ kind: 'power', state: event.state, cause: event.cause });
        const known = poweredOn;
        if (event.state === 'on') poweredOn = false;
        if (event.cause === 'board' || (event.state === 'on' && known)) return [told];
        return [ask(event.state === 'on' ? askKey.powerOn : askKey.powerOff), told];
      }
      case 'reset': {
        const told = device({ kind: 'reset', cause: event.cause });
        return event.cause === 'rig' ? [ask(askKey.reset), told] : [told];
      }
      case 'link':
        return [ask(askKey.link(event.state)), device({ kind: 'link', state: event.state })];
      case 'host.request': {
        const { server, path, from } = event;
        return [{ seq, t, kind: 'request', request: { server, path, from } }];
      }
      case 'stage':
        if (event.stage === 'shell') return [{ seq, t, kind: 'shell' }];
        return event.offset === undefined ? [{ seq, t, kind: 'stage', stage: event.stage }] : [];
      case 'console.input':
        if (!old && event.by !== 'suite') return [];
        return [ask(askKey.type(event.text), { soft: old })];
      case 'ask': {
        const answer = answers.get(event.call);
        return answer ? [ask(keyOf(answer), { answer })] : [];
      }
      case 'shell':
      case 'ssh.login': {
        const told: Entry = { seq, t, kind: 'answer', answer: event };
        return event.call === undefined ? [ask(keyOf(event), { answer: event }), told] : [told];
      }
      default:
        return [];
    }
  });
  // Stable: among equals the order recorded stays.
  return old ? entries.sort((a, b) => a.t - b.t) : entries;
}

/** No rig leaves a gap, and nobody knows what a matcher would have made of the bytes in it. */
function refuseGaps(own: readonly RigEvent[], board: string): void {
  let end = 0;
  for (const event of own) {
    if (event.type !== 'console') continue;
    const { seq, offset, length } = event;
    if (offset !== end || !Number.isSafeInteger(length) || length < 0)
      throw new RigError(
        `Cannot replay ${board}: event ${seq} tells of ${length} bytes at byte ${offset} of its console, and byte ${end} is next`,
        {
          code: 'replay.gap',
          blame: 'config',
          hint: 'Something else has written into the event log. Restore the folder from where it came.',
        },
      );
    end += length;
  }
}

function keyOf(answer: Answer): string {
  return answer.type === 'shell' ? askKey.shell(answer.via, answer.command) : askKey.login(answer.method);
}

/** Where in the log the body of a test's attempt begins and ends. */
export interface BodyWindow {
  readonly from: number;
  /** The sequence number of its end; past the last event where it has none. */
  readonly to: number;
  /** An old run does not tell where the body began. */
  readonly guessed: boolean;
  /** What was on the medium then, where the run tells. */
  readonly image?: ImageFacts;
}

type Start = Extract<EventBody, { type: 'test.start' }>;

/** @returns undefined for an attempt whose body never began */
export function bodyWindow(
  events: readonly RigEvent[],
  { id, attempt }: { readonly id: string; readonly attempt: number },
): BodyWindow | undefined {
  const own = events.filter((event) => 'id' in event && event.id === id && event.attempt === attempt);
  const start = own.find((event) => event.type === 'test.start');
  if (start?.type !== 'test.start') return undefined;
  const last = own.find((event) => event.type === 'test.end')?.seq ?? events.length;
  const phase = (name: 'begin' | 'end'): RigEvent | undefined =>
    own.find((event) => event.type === 'test.body' && event.phase === name);
  const begin = phase('begin');
  if (begin?.type === 'test.body') {
    const { seq, image } = begin;
    return { from: seq, to: phase('end')?.seq ?? last, guessed: false, ...(image ? { image } : {}) };
  }
  if (!isOldRun(events)) return undefined;
  // Of a failed test: then the rig gathered evidence, and asked the board for it.
  const to = own.find((event) => event.type === 'evidence')?.seq ?? last;
  const inside = events.slice(start.seq + 1, to);
  return { from: guess(start, inside) ?? start.seq, to, guessed: true };
}

/** A start state of power off ends before the first power-on; one with a shell when the shell answers, if the test began with a boot. */
function guess(start: Start, inside: readonly RigEvent[]): number | undefined {
  const first = inside.find((event) => event.type !== 'console' && event.type !== 'log');
  const boots = first?.type === 'epoch' || (first?.type === 'power' && first.state === 'off');
  if (start.from === 'any' || !boots) return undefined;
  if (start.from === 'shell')
    return inside.find((event) => event.type === 'stage' && event.stage === 'shell')?.seq;
  const on = inside.find((event) => event.type === 'epoch');
  return on === undefined ? undefined : on.seq - 1;
}
