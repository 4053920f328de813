import { RigError } from '../../contracts/errors.js';
import type { Console, ConsoleMark, ConsoleMatch, WaitOptions } from '../../contracts/suite.js';
import { describePatterns } from '../console/pattern.js';

/** How a wait ended, for the event log: where it matched, or the code of the error; neither: an awaited panic or reset came. */
export interface ConsoleWait {
  readonly patterns: string;
  readonly start?: number;
  readonly end?: number;
  readonly code?: string;
  readonly ms: number;
}

/** Who is told. */
export interface ConsoleRecord {
  ended(wait: ConsoleWait): void;
  /** Bytes that the suite is about to look at are told before what it does next. */
  report(): void;
}

/** A console that tells how every wait of the suite ended; the rig's own waits for a login are not told. */
export class RecordedConsole implements Console {
  readonly #console: Console;
  readonly #record: ConsoleRecord;

  constructor(console: Console, record: ConsoleRecord) {
    this.#console = console;
    this.#record = record;
  }

  get epoch(): number {
    return this.#console.epoch;
  }

  mark(): ConsoleMark {
    this.#record.report();
    return this.#console.mark();
  }

  async expect(
    patterns: string | RegExp | readonly (string | RegExp)[],
    options?: WaitOptions & { readonly since?: ConsoleMark },
  ): Promise<ConsoleMatch> {
    return this.#told(describePatterns(patterns), {
      wait: () => this.#console.expect(patterns, options),
      place: ({ start, end }) => ({ start, end }),
    });
  }

  send(text: string): Promise<void> {
    return this.#console.send(text);
  }

  sendBreak(): Promise<void> {
    return this.#console.sendBreak();
  }

  text(since?: ConsoleMark): string {
    this.#record.report();
    return this.#console.text(since);
  }

  expectPanic<T>(body: () => Promise<T>, options?: WaitOptions): Promise<T> {
    return this.#told('a kernel panic', { wait: () => this.#console.expectPanic(body, options) });
  }

  expectReset<T>(body: () => Promise<T>, options?: WaitOptions): Promise<T> {
    return this.#told('a reset', { wait: () => this.#console.expectReset(body, options) });
  }

  async #told<T>(
    patterns: string,
    how: { wait: () => Promise<T>; place?: (result: T) => Pick<ConsoleWait, 'start' | 'end'> },
  ): Promise<T> {
    const began = performance.now();
    const tell = (end: Omit<ConsoleWait, 'patterns' | 'ms'>): void =>
      this.#record.ended({ patterns, ...end, ms: Math.round(performance.now() - began) });
    try {
      const result = await how.wait();
      tell(how.place?.(result) ?? {});
      return result;
    } catch (error) {
      tell({ code: error instanceof RigError ? error.code : 'suite.unexpected' });
      throw error;
    }
  }
}
