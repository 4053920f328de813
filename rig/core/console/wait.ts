import { setImmediate as loopTurn } from 'node:timers/promises';
import { RigError } from '../../contracts/errors.js';
import type { ConsolePattern } from './pattern.js';
import { type Hit, Search } from './search.js';
import type { TextWindow } from './text-window.js';

/** Regular expressions that cost more than this in one wait are slow enough to make the rig a bad witness. */
const maxMatchingMs = 10_000;

export interface WaitSettings<T> {
  readonly patterns: readonly ConsolePattern[];
  /** Bound to the epoch of a mark. */
  readonly bound: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Turns a match into the answer, at once: its place may leave the window before the waiter runs. */
  readonly onHit: (hit: Hit) => T;
  /** Makes the error of a time-out that was noticed `lateMs` late. */
  readonly onTimeout: (lateMs: number) => Promise<unknown>;
  /** Called when the wait is over, however it ended. */
  readonly onEnd: (wait: Wait<T>) => void;
}

/** One wait on the console: patterns, a deadline and an end, whichever comes first. */
export class Wait<T = unknown> {
  readonly answer: Promise<T>;
  readonly bound: boolean;
  readonly #search: Search;
  readonly #settings: WaitSettings<T>;
  readonly #timer: NodeJS.Timeout;
  #resolve: (answer: T) => void = () => undefined;
  #reject: (reason: unknown) => void = () => undefined;
  #over = false;
  #matchingMs = 0;

  constructor(settings: WaitSettings<T>) {
    this.#settings = settings;
    this.#search = new Search(settings.patterns);
    this.bound = settings.bound;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const due = performance.now() + settings.timeoutMs;
    this.#timer = setTimeout(() => void this.#timedOut(due), settings.timeoutMs);
    settings.signal?.addEventListener('abort', this.#onAbort);
    if (settings.signal?.aborted) this.#onAbort();
  }

  get over(): boolean {
    return this.#over;
  }

  startAt(position: number, window: TextWindow): void {
    this.#search.startAt(position, window);
  }

  /** Offers the text before `to`; `resting`: also the unfinished last line. */
  offer(window: TextWindow, to: number, { resting = false } = {}): void {
    if (this.#over || (resting && !this.#search.hasRegExps)) return;
    const began = this.#search.hasRegExps ? performance.now() : 0;
    const hit = this.#search.advance(window, to) ?? (resting ? this.#search.peek(window, to) : undefined);
    if (hit) {
      this.#end();
      this.#resolve(this.#settings.onHit(hit));
    } else if (this.#search.hasRegExps) {
      this.#matchingMs += performance.now() - began;
      if (this.#matchingMs > maxMatchingMs) this.fail(tooSlow(this.#matchingMs));
    }
  }

  /** Ends it with an answer that came another way. */
  settle(answer: T): void {
    if (this.#over) return;
    this.#end();
    this.#resolve(answer);
  }

  fail(reason: unknown): void {
    if (this.#over) return;
    this.#end();
    this.#reject(reason);
  }

  readonly #onAbort = (): void => this.fail(this.#settings.signal?.reason);

  async #timedOut(due: number): Promise<void> {
    const lateMs = Math.max(0, Math.round(performance.now() - due));
    // Bytes that came in time but were not read yet have their turn first.
    await loopTurn();
    await loopTurn();
    if (this.#over) return;
    this.#end();
    this.#reject(await this.#settings.onTimeout(lateMs).catch((error: unknown) => error));
  }

  #end(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#settings.signal?.removeEventListener('abort', this.#onAbort);
    this.#settings.onEnd(this);
  }
}

function tooSlow(ms: number): RigError {
  return new RigError(
    `Stop matching regular expressions on the console after ${Math.round(ms)} ms of CPU time`,
    {
      code: 'pattern.slow',
      blame: 'suite',
      hint: 'Use literal strings, or begin the expressions with ^.',
    },
  );
}
