// Long because matching, epochs, panics and resets share one position in the text: apart, each would hand it to the others.
import type { Cancellable } from '../../contracts/capabilities.js';
import type { RigError } from '../../contracts/errors.js';
import { breakShown, type EpochReason } from '../../contracts/events.js';
import type { Console, ConsoleMark, ConsoleMatch, WaitOptions } from '../../contracts/suite.js';
import { gather, timeoutError } from './evidence.js';
import { Intake } from './intake.js';
import { type LineSeen, LineWatch } from './line-watch.js';
import { closed, epochOver, panicked, unexpectedReset } from './mishaps.js';
import type { ConsoleEngineOptions } from './options.js';
import { PanicDetector, type PanicLine } from './panic.js';
import { compilePatterns, describePatterns } from './pattern.js';
import { RestTimer } from './rest-timer.js';
import { Scope } from './scope.js';
import type { Hit } from './search.js';
import { type Sighting, type SignatureName, StageTracker } from './stages.js';
import { Suspicion } from './suspicion.js';
import { TextCleaner } from './text-cleaner.js';
import { TextWindow } from './text-window.js';
import { lastLines } from './visible.js';
import { Wait } from './wait.js';

const defaultTimeoutMs = 60_000;
const pieceBytes = 64 * 1024;
const textBytes = 64 * 1024;
const tailBytes = 8 * 1024;
/** A reset that the device reports this soon after the console showed it is the same one. */
const sameResetMs = 2_000;

/** What a wait of another kind than `expect` needs; see `ConsoleEngine.watch`. */
export interface WatchOptions extends Cancellable {
  /** `Cannot match "login:"`. */
  readonly action: string;
  readonly code: `${string}.${string}`;
  /** Scaled already. */
  readonly timeoutMs: number;
}

/**
 * The console of one board. Bytes go in by `feed` all the time, whether anybody waits or not; each enters the log, then the
 * waits. Epoch 0 is what came before the first power-on or reset that the rig knows of.
 *
 * The file is longer than others because the order of these few steps is the design: stages, waits, panic, epochs.
 */
export class ConsoleEngine implements Console, Disposable {
  readonly #options: ConsoleEngineOptions;
  readonly #intake: Intake;
  readonly #window = new TextWindow();
  readonly #cleaner = new TextCleaner();
  readonly #rest: RestTimer;
  readonly #panic = new PanicDetector();
  readonly #stages: StageTracker;
  readonly #suspicion: Suspicion;
  readonly #panicScope = new Scope();
  readonly #resetScope = new Scope();
  readonly #waits = new Set<Wait>();
  readonly #listeners = new Set<(chunk: Uint8Array) => void>();
  readonly #lineWatches = new Set<LineWatch>();

  #epoch = 0;
  #foundRunning = true;
  #epochAt: number;
  #epochOffset: number;
  /** Where the epoch's text begins, and where the last match ended. */
  #epochStart = 0;
  #cursor = 0;
  #failure: unknown;
  /** When the console itself showed a reset that the device has not reported yet. */
  #shownResetAt: number | undefined;
  #closed = false;

  /** @throws RigError `pattern.explosive` (blame: config) for a signature */
  constructor(options: ConsoleEngineOptions) {
    this.#options = options;
    this.#intake = new Intake(options, (offset, length) =>
      options.onBytes({ epoch: this.#epoch, offset, length }),
    );
    this.#rest = new RestTimer(options.clock, (state) => this.#rested(state));
    this.#stages = new StageTracker(options.signatures, this.#window);
    this.#suspicion = new Suspicion(options.scale);
    this.#epochAt = options.clock();
    this.#epochOffset = this.#intake.offset;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** This epoch began with a running system: the rig found it so, or brought it back so. */
  get foundRunning(): boolean {
    return this.#foundRunning;
  }

  /** Signatures seen in this epoch. */
  get seen(): ReadonlySet<SignatureName> {
    return this.#stages.seen;
  }

  get scale(): number {
    return this.#options.scale;
  }

  /** Milliseconds since the last byte of this epoch, or since it began. */
  get silentMs(): number {
    return this.#options.clock() - Math.max(this.#epochAt, this.#rest.lastAt ?? this.#epochAt);
  }

  /** Takes bytes that the board sent; the chunk may be reused afterwards. */
  feed(chunk: Uint8Array): void {
    if (this.#closed || chunk.length === 0) return;
    let rawOffset = this.#intake.offset;
    this.#intake.take(chunk);
    this.#rest.touched();
    for (let at = 0; at < chunk.length; at += pieceBytes) {
      const piece = chunk.length <= pieceBytes ? chunk : chunk.subarray(at, at + pieceBytes);
      this.#window.reserve(piece.length + 4096);
      this.#cleaner.push(piece, { rawOffset, window: this.#window });
      rawOffset += piece.length;
      this.#scan();
    }
    for (const listener of this.#listeners) listener(chunk);
  }

  /** Every byte from now on, as it came: unmasked, so for framing only. */
  onBytes(listener: (chunk: Uint8Array) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Every line from now on that one of `patterns` matches, in every epoch. @throws RigError `pattern.explosive` */
  onLines(patterns: readonly RegExp[], seen: LineSeen): Disposable {
    const watch = new LineWatch(patterns, seen);
    watch.startAt(this.#window.end, this.#window);
    this.#lineWatches.add(watch);
    return { [Symbol.dispose]: () => void this.#lineWatches.delete(watch) };
  }

  /**
   * The rig powered the board on, reset it or brought it back: nothing of what came before is matched any more.
   *
   * @param options `running`: a system is up already, so that a prompt may be asked for
   */
  openEpoch(reason: EpochReason, { running = false }: { readonly running?: boolean } = {}): void {
    this.#shownResetAt = undefined;
    if (reason === 'reset') this.#resetScope.came();
    this.#begin(reason, undefined);
    this.#foundRunning = running;
  }

  /** A device reported a reset that the rig did not make. */
  resetReported(): void {
    const shownAt = this.#shownResetAt;
    this.#shownResetAt = undefined;
    if (shownAt !== undefined && this.#options.clock() - shownAt < sameResetMs) return;
    this.#resetSeen('The device reported it.', undefined);
  }

  /** The console can give nothing more (line lost, process ended): ends every wait with `error`, later ones too. */
  fail(error: RigError): void {
    this.#failure = error;
    this.#failWaits(error);
    this.#panicScope.fail(error);
    this.#resetScope.fail(error);
  }

  /** The line is back: waits are served again. */
  recover(): void {
    this.#failure = undefined;
  }

  /** Where this epoch began. */
  epochMark(): ConsoleMark {
    return { epoch: this.#epoch, offset: this.#epochOffset };
  }

  mark(): ConsoleMark {
    return { epoch: this.#epoch, offset: this.#intake.offset };
  }

  /**
   * @throws RigError `console.timeout`, `console.panic`, `console.unexpected-reset`, `console.epoch-over`,
   * `console.bad-pattern`, `pattern.explosive`, `pattern.slow`, or what `fail` was given
   */
  async expect(
    patterns: string | RegExp | readonly (string | RegExp)[],
    options: WaitOptions & { readonly since?: ConsoleMark } = {},
  ): Promise<ConsoleMatch> {
    const compiled = compilePatterns(patterns);
    const what = describePatterns(patterns);
    const { since } = options;
    if (this.#failure) throw this.#failure;
    if (since && since.epoch !== this.#epoch) throw epochOver(what, this.#options.boardName);
    const wait = this.#wait(
      {
        action: `Cannot match ${what}`,
        code: 'console.timeout',
        timeoutMs: (options.timeoutMs ?? defaultTimeoutMs) * this.#options.scale,
        signal: options.signal,
      },
      { compiled, bound: since !== undefined, onHit: (hit) => this.#matched(hit) },
    );
    wait.startAt(since ? this.#positionOf(since) : this.#cursor, this.#window);
    wait.offer(this.#window, this.#window.end, { resting: this.#rest.resting });
    return wait.answer;
  }

  /** A wait that the caller answers by `settle`; time-out, abort, panic, reset and a lost line end it like any other. */
  watch<T>(options: WatchOptions): Wait<T> {
    const wait = this.#wait<T>(options, { compiled: [], bound: true, onHit: neverHit });
    if (this.#failure) wait.fail(this.#failure);
    return wait;
  }

  /** Tells now of the bytes that came: what is recorded next was done after them. */
  report(): void {
    this.#intake.report(this.#intake.offset);
  }

  async send(text: string): Promise<void> {
    await this.type(text, { by: 'suite' });
  }

  /** Types `text`; `shown` is what the record says of it instead. */
  async type(
    text: string,
    options: Cancellable & { readonly shown?: string; readonly by?: 'suite' } = {},
  ): Promise<void> {
    const { by } = options;
    const shown = this.#options.secrets.maskText(options.shown ?? text);
    this.report();
    this.#options.onInput({ epoch: this.#epoch, text: shown, ...(by === undefined ? {} : { by }) });
    await this.#options.write(Buffer.from(text), { signal: this.#signal(options) });
  }

  async sendBreak(): Promise<void> {
    this.report();
    this.#options.onInput({ epoch: this.#epoch, text: breakShown, by: 'suite' });
    await this.#options.sendBreak({ signal: this.#signal({}) });
  }

  text(since?: ConsoleMark): string {
    if (since && since.epoch !== this.#epoch) return '';
    const from = since ? this.#positionOf(since) : this.#epochStart;
    return this.#shown(Math.max(from, this.#window.end - textBytes));
  }

  /** The end of this epoch's text, at most `maxBytes` of what is still in memory. */
  tail(maxBytes: number): string {
    return this.#shown(Math.max(this.#epochStart, this.#window.end - maxBytes));
  }

  /** At most `maxBytes` of this epoch's text before `mark`. */
  textBefore(mark: ConsoleMark, maxBytes: number): string {
    const end = this.#positionOf(mark);
    return this.#shown(Math.max(this.#epochStart, end - maxBytes), end);
  }

  /** The unfinished last line: a prompt, where there is one. */
  lastLine(): string {
    return this.#shown(Math.max(this.#epochStart, this.#window.lineStart(this.#window.end, tailBytes)));
  }

  async expectPanic<T>(body: () => Promise<T>, options: WaitOptions = {}): Promise<T> {
    const about = { action: 'Cannot see the expected kernel panic', code: 'console.no-panic' } as const;
    return this.#expectMishap(this.#panicScope, body, { ...options, ...about });
  }

  async expectReset<T>(body: () => Promise<T>, options: WaitOptions = {}): Promise<T> {
    const about = { action: 'Cannot see the expected reset', code: 'console.no-reset' } as const;
    return this.#expectMishap(this.#resetScope, body, { ...options, ...about });
  }

  /** Within `body` panics and resets may come, as many as will, and end nothing but the waits on a place of their epoch. */
  async tolerating<T>(body: () => Promise<T>): Promise<T> {
    return this.#panicScope.allow(() => this.#resetScope.allow(body));
  }

  /** While a command's output comes, a panic or a reset in it is only suspected: it may be an old log. See `Suspicion`. */
  suspect(): Disposable & { clear(): void } {
    return this.#suspicion.open();
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#rest.stop();
    this.#suspicion[Symbol.dispose]();
    this.#intake.stop();
    this.fail(closed(this.#options.boardName));
  }

  #wait<T>(
    options: WatchOptions,
    how: {
      compiled: ReturnType<typeof compilePatterns>;
      bound: boolean;
      onHit: (hit: Hit) => T;
    },
  ): Wait<T> {
    const wait = new Wait<T>({
      patterns: how.compiled,
      bound: how.bound,
      timeoutMs: options.timeoutMs,
      signal: this.#signal(options),
      onHit: how.onHit,
      onEnd: (ended) => void this.#waits.delete(ended as Wait),
      onTimeout: (lateMs) => this.#timeoutError(options, lateMs),
    });
    if (!wait.over) this.#waits.add(wait as Wait);
    return wait;
  }

  /** Looks at new text in the order in which it came: a wait wins over a panic or reset that stands behind its match. */
  #scan({ resting = false } = {}): void {
    const stages = this.#stages;
    for (let next = stages.advance(this.#window, this.#window.end); next; ) {
      this.#sighted(next);
      next = stages.advance(this.#window, this.#window.end);
    }
    for (let next = resting ? stages.peek(this.#window, this.#window.end) : undefined; next; ) {
      this.#sighted(next);
      next = stages.peek(this.#window, this.#window.end);
    }
    this.#scanTo(this.#window.end, { resting });
  }

  #scanTo(end: number, { resting }: { resting: boolean }): void {
    for (let panic = this.#panic.advance(this.#window, end); panic; ) {
      this.#panicSeen(panic);
      panic = this.#panic.advance(this.#window, end);
    }
    const rest = resting ? this.#panic.settle(this.#window, end) : undefined;
    if (rest) this.#panicSeen(rest);
    for (const watch of this.#lineWatches) watch.advance(this.#window, end);
    for (const wait of this.#waits) wait.offer(this.#window, end, { resting });
  }

  #sighted({ name, hit, again }: Sighting): void {
    if (!again) {
      const ms = Math.max(0, Math.round(this.#options.clock() - this.#epochAt));
      const offset = this.#window.rawOffsetOf(hit.start);
      this.#options.onSighting({ epoch: this.#epoch, name, offset, ms });
      return;
    }
    const lineStart = Math.max(this.#epochStart, this.#window.lineStart(hit.start, 512));
    this.#scanTo(lineStart, { resting: false });
    this.#suspicion.act(() => {
      this.#shownResetAt = this.#options.clock();
      this.#resetSeen(`It printed its ${name} signature again: ${JSON.stringify(hit.text)}.`, lineStart);
    });
  }

  #panicSeen({ start, text }: PanicLine): void {
    const end = Math.min(this.#window.end, start + Buffer.byteLength(text) + 1);
    for (const wait of this.#waits) wait.offer(this.#window, end);
    this.#suspicion.act(() => {
      this.#options.onPanic?.();
      if (this.#panicScope.active) {
        this.#panicScope.came();
        return;
      }
      if (this.#failure) return;
      const tail = lastLines(this.tail(tailBytes));
      const line = this.#options.secrets.maskText(text);
      const error = panicked(line, { board: this.#options.boardName, tail });
      this.#failure = error;
      this.#failWaits(error);
      this.#resetScope.fail(error);
      this.#options.onMishap?.(error);
    });
  }

  /** @param at where the new epoch's text begins; undefined: with the next byte */
  #resetSeen(how: string, at: number | undefined): void {
    const tail = lastLines(this.#shown(Math.max(this.#epochStart, this.#window.end - tailBytes), at));
    if (this.#resetScope.active) this.#resetScope.came();
    // A kernel that panics as expected may well reboot by itself.
    else if (!this.#panicScope.active) {
      const error = unexpectedReset(how, { board: this.#options.boardName, tail });
      this.#failWaits(error);
      this.#options.onMishap?.(error);
    }
    this.#begin('reset', at);
  }

  #begin(reason: EpochReason, at: number | undefined): void {
    this.#intake.release();
    if (at === undefined) this.#cleaner.reset();
    this.#epochOffset = at === undefined ? this.#intake.offset : this.#window.rawOffsetOf(at);
    this.#intake.report(this.#epochOffset);
    this.#window.dropBefore(at ?? this.#window.end);
    this.#epochStart = this.#window.start;
    this.#cursor = this.#epochStart;
    this.#epoch += 1;
    this.#foundRunning = false;
    this.#epochAt = this.#options.clock();
    if (!this.#closed) this.#failure = undefined;
    this.#suspicion.drop();
    this.#panic.startAt(this.#epochStart);
    this.#stages.startAt(this.#epochStart, this.#window);
    for (const watch of this.#lineWatches) watch.startAt(this.#epochStart, this.#window);
    this.#options.onEpoch({ epoch: this.#epoch, reason, offset: this.#epochOffset });
    for (const wait of this.#waits) {
      if (wait.bound) wait.fail(epochOver('what comes after a mark', this.#options.boardName));
      else wait.startAt(this.#epochStart, this.#window);
    }
  }

  #rested({ resting, silent }: { resting: boolean; silent: boolean }): void {
    if (resting) {
      this.#window.reserve(4096);
      this.#cleaner.settle(this.#window);
    }
    this.#scan({ resting: true });
    if (silent) this.#intake.release();
  }

  #failWaits(error: unknown): void {
    for (const wait of this.#waits) wait.fail(error);
  }

  #matched(hit: Hit): ConsoleMatch {
    const { secrets } = this.#options;
    this.#cursor = hit.end;
    const start = this.#window.rawOffsetOf(hit.start);
    return {
      index: hit.index,
      text: secrets.maskText(hit.text),
      groups: hit.groups.map((group) => (group === undefined ? undefined : secrets.maskText(group))),
      start,
      end: hit.end > hit.start ? this.#window.rawOffsetOf(hit.end - 1) + 1 : start,
    };
  }

  async #expectMishap<T>(
    scope: Scope,
    body: () => Promise<T>,
    options: WaitOptions & Pick<WatchOptions, 'action' | 'code'>,
  ): Promise<T> {
    if (this.#failure) throw this.#failure;
    const timeoutMs = (options.timeoutMs ?? defaultTimeoutMs) * this.#options.scale;
    return scope.run(body, {
      timeoutMs,
      signal: this.#signal(options),
      timeout: () => this.#timeoutError({ ...options, timeoutMs }, 0),
    });
  }

  async #timeoutError(about: WatchOptions, lateMs: number): Promise<RigError> {
    const bytesInEpoch = this.#intake.offset - this.#epochOffset;
    const silentMs = Math.round(this.silentMs);
    const facts = { bytesInEpoch, bytesEver: this.#intake.bytesEver, silentMs, lateMs };
    const tail = lastLines(this.tail(tailBytes));
    const evidence = await gather(this.#options.evidence);
    const action = `${about.action} on the console of ${this.#options.boardName}`;
    return timeoutError({ action, code: about.code, timeoutMs: about.timeoutMs, evidence, facts, tail });
  }

  #positionOf(mark: ConsoleMark): number {
    return Math.max(this.#epochStart, this.#window.positionOf(mark.offset));
  }

  #shown(from: number, to = this.#window.end): string {
    return this.#options.secrets.maskText(this.#window.text(from, to));
  }

  #signal(options: Cancellable): AbortSignal | undefined {
    const general = this.#options.abortSignal?.();
    if (!general || !options.signal || general === options.signal) return general ?? options.signal;
    return AbortSignal.any([options.signal, general]);
  }
}

function neverHit(): never {
  throw new TypeError('a wait without patterns matched');
}
