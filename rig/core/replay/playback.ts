import type { DeviceEvent } from '../../contracts/driver.js';
import type { HostRequest } from '../runner/host-services.js';
import type { Entry } from './timeline.js';

type Ask = Extract<Entry, { kind: 'ask' }>;

/** What happened at the same time comes one after the other, each with time to act on the one before. */
const soonMs = 0.01;

/** Where what is played goes. */
export interface Stage {
  bytes(range: { readonly offset: number; readonly length: number }): void;
  device(event: DeviceEvent): void;
  shell(): void;
  request(request: HostRequest): void;
}

/**
 * Plays a board's timeline, each entry at its time. It stands still at what the board was asked until the suite asks it, and
 * everything after is as much later as the suite was. Asked early, the suite waits: the board goes its own pace.
 */
export class Playback {
  /** Bytes of the console played so far, counted as in the recorded file. */
  offset = 0;
  /** Called when the record has nothing more for this test. */
  onExhausted: () => void = () => {};
  readonly #entries: readonly Entry[];
  readonly #stage: Stage;
  readonly #waiting = new Map<Ask, () => void>();
  readonly #answered = new Map<number, () => void>();
  readonly #open = new Set<Ask>();
  #at: number;
  #end = 0;
  #lateMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #held: Ask | undefined;

  constructor(entries: readonly Entry[], stage: Stage) {
    this.#entries = entries;
    this.#stage = stage;
    this.#at = 0;
  }

  /** The entry that comes next, on its way to where the test begins. */
  get next(): Entry | undefined {
    return this.#entries[this.#at];
  }

  /** What the board was asked and the suite has not asked now: all behind it is held back. */
  get held(): Ask | undefined {
    return this.#held;
  }

  /** What the board was asked and the suite passed over. */
  get passedOver(): readonly string[] {
    return [...this.#open].map((ask) => ask.key);
  }

  /** Begins at entry `index` instead of the first; the console's bytes before it are not played. */
  startAt(index: number): void {
    this.#at = index;
    const first = this.#entries.slice(index).find((entry) => entry.kind === 'bytes');
    this.offset = first?.kind === 'bytes' ? first.offset : 0;
  }

  /** Takes the next entry whoever asked for it then: the way to where the test begins. */
  skip(): Entry | undefined {
    const entry = this.#entries[this.#at];
    if (!entry) return undefined;
    this.#at += 1;
    this.#play(entry);
    return entry;
  }

  /** From now on plays by time, up to event `seq`. */
  begin(seq: number): void {
    const end = this.#entries.findIndex((entry, index) => index >= this.#at && entry.seq >= seq);
    this.#end = end < 0 ? this.#entries.length : end;
    this.#schedule();
  }

  /** Whether this is what the board was asked next: a later asking of the same belongs to another state of the board. */
  expects(key: string): boolean {
    const next = this.#entries
      .slice(this.#at, this.#end)
      .find(
        (entry) => entry.kind === 'ask' && !entry.soft && !this.#waiting.has(entry) && !this.#open.has(entry),
      );
    return next?.kind === 'ask' && next.key === key;
  }

  /** @returns the recorded moment of the asking, when it has come; undefined: nobody asked that then, or no more of it */
  ask(key: string): Promise<Ask> | undefined {
    const index = this.#find(key);
    const ask = index === undefined ? undefined : this.#entries[index];
    if (index === undefined || ask?.kind !== 'ask') return undefined;
    for (const before of this.#entries.slice(this.#at, index))
      if (before.kind === 'ask' && !before.soft && !this.#waiting.has(before)) this.#open.add(before);
    this.#open.delete(ask);
    const passed = new Promise<Ask>((resolve) => void this.#waiting.set(ask, () => resolve(ask)));
    if (this.#held) {
      this.#lateMs = performance.now() - this.#held.t;
      this.#held = undefined;
      this.#schedule();
    }
    return passed;
  }

  /** Resolves when the answer that was recorded as event `seq` has come. */
  answered(seq: number): Promise<void> {
    return new Promise((resolve) => void this.#answered.set(seq, resolve));
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#end = 0;
  }

  #find(key: string): number | undefined {
    for (let index = this.#at; index < this.#end; index += 1) {
      const entry = this.#entries[index];
      if (entry?.kind === 'ask' && entry.key === key && !this.#waiting.has(entry)) return index;
    }
    return undefined;
  }

  #schedule(): void {
    const entry = this.#entries[this.#at];
    if (!entry || this.#at >= this.#end) {
      this.onExhausted();
      return;
    }
    const dueMs = entry.t + this.#lateMs - performance.now();
    this.#timer = setTimeout(() => this.#step(entry), Math.max(soonMs, dueMs));
  }

  #step(entry: Entry): void {
    if (entry.kind === 'ask' && !entry.soft && !this.#waiting.has(entry) && !this.#open.has(entry)) {
      this.#held = entry;
      if (this.#nothingBehind()) this.onExhausted();
      return;
    }
    this.#at += 1;
    this.#play(entry);
    this.#schedule();
  }

  /** Only what the held-back asking itself would do to the device is left, as when a run powers off a board that was lost. */
  #nothingBehind(): boolean {
    return this.#entries.slice(this.#at + 1, this.#end).every((entry) => entry.kind === 'device');
  }

  #play(entry: Entry): void {
    switch (entry.kind) {
      case 'bytes':
        this.offset = entry.offset + entry.length;
        this.#stage.bytes(entry);
        return;
      case 'device':
        this.#stage.device(entry.event);
        return;
      case 'shell':
        this.#stage.shell();
        return;
      case 'request':
        this.#stage.request(entry.request);
        return;
      case 'restore':
      case 'stage':
        return;
      case 'ask':
        this.#waiting.get(entry)?.();
        return;
      case 'answer':
        this.#answered.get(entry.seq)?.();
    }
  }
}
