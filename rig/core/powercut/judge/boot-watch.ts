import type { Cancellable } from '../../../contracts/capabilities.js';
import type { BoardSession } from '../../../contracts/session.js';
import { abortable } from '../../../lifetime/abortable.js';
import { type BootChoice, BootLineReader, LineCutter, type Signs } from './boot-lines.js';

/** How a wait ended: what was waited for came; nothing moved for too long; it went on for too long; the board powered itself off. */
export type WatchEnd = 'met' | 'silent' | 'late' | 'off';

export interface WatchLimits extends Cancellable {
  /** No byte and no reset for so long means that the board stands still. */
  readonly silentMs: number;
  readonly timeoutMs: number;
}

const keptLines = 400;

/**
 * Looks at a board from outside while it boots, however often it resets: unlike a test's console, for which a reset that nobody
 * awaited is a failure, this one counts them.
 */
export class BootWatch implements Disposable {
  /** What the bootloader chose, boot by boot. */
  readonly choices: BootChoice[] = [];
  /** Version that the system of this boot says it has. */
  version: string | undefined;
  /** Resets that the board made by itself. */
  resets = 0;
  /** What the board's health check said in this boot. */
  health: { readonly good: boolean; readonly complaint?: string } | undefined;
  poweredOff = false;
  /** The board cannot be played any more. */
  lost: Error | undefined;
  readonly #cutter = new LineCutter();
  readonly #lines: string[] = [];
  readonly #reader: BootLineReader;
  readonly #ends: Disposable[] = [];
  readonly #changed = new Set<() => void>();
  #lastAt = performance.now();

  /** @throws as `BootLineReader` */
  constructor(session: BoardSession, signs: Signs) {
    this.#reader = new BootLineReader(signs);
    this.#ends.push(
      session.onEvent((event) => {
        if (event.kind === 'reset' && event.cause === 'board') {
          this.resets += 1;
          this.#bootBegan();
        } else if (event.kind === 'power' && event.state === 'off' && event.cause === 'board')
          this.poweredOff = true;
        else if (event.kind === 'lost') this.lost = event.error;
        else return;
        this.#moved();
      }),
    );
    if (session.console)
      this.#ends.push(
        session.console.subscribe({
          data: (chunk) => this.#received(chunk),
          lost: (error) => {
            this.lost = error;
            this.#moved();
          },
        }),
      );
  }

  /** The last lines of the console, oldest first. */
  tail(count = 40): string[] {
    const rest = this.#cutter.rest;
    return [...this.#lines, ...(rest === '' ? [] : [rest])].slice(-count);
  }

  /** @throws the signal's reason; what `lost` holds when the board could not be played */
  async until(met: () => boolean, { silentMs, timeoutMs, signal }: WatchLimits): Promise<WatchEnd> {
    const end = performance.now() + timeoutMs;
    this.#lastAt = performance.now();
    for (;;) {
      signal?.throwIfAborted();
      if (this.lost) throw this.lost;
      if (met()) return 'met';
      if (this.poweredOff) return 'off';
      const now = performance.now();
      if (now >= end) return 'late';
      if (now >= this.#lastAt + silentMs) return 'silent';
      await this.#next(Math.min(end, this.#lastAt + silentMs) - now, { signal });
    }
  }

  /** What comes is of a board that is powered on anew. */
  forget(): void {
    this.choices.length = 0;
    this.resets = 0;
    this.poweredOff = false;
    this.#bootBegan();
  }

  [Symbol.dispose](): void {
    for (const end of this.#ends) end[Symbol.dispose]();
  }

  async #next(withinMs: number, { signal }: Cancellable): Promise<void> {
    let wake = (): void => {};
    let timer: NodeJS.Timeout | undefined;
    const change = new Promise<void>((resolve) => {
      wake = resolve;
      timer = setTimeout(resolve, withinMs);
    });
    this.#changed.add(wake);
    try {
      await abortable(change, { signal });
    } finally {
      clearTimeout(timer);
      this.#changed.delete(wake);
    }
  }

  #received(chunk: Uint8Array): void {
    for (const line of this.#cutter.push(chunk)) this.#line(line);
    this.#moved();
  }

  #line(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > keptLines) this.#lines.shift();
    const read = this.#reader.read(line);
    if (read?.kind === 'chosen') {
      // A reset that the device does not report shows itself here.
      this.#bootBegan();
      this.choices.push(read.choice);
    } else if (read?.kind === 'version') this.version = read.version;
    else if (read?.kind === 'health') this.health = read;
  }

  #bootBegan(): void {
    this.version = undefined;
    this.health = undefined;
  }

  #moved(): void {
    this.#lastAt = performance.now();
    for (const wake of [...this.#changed]) wake();
  }
}
