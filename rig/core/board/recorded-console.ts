import { RigError } from '../../contracts/errors.js';
import type { Console, ConsoleMark, ConsoleMatch, WaitOptions } from '../../contracts/suite.js';
import { describePatterns } from '../console/pattern.js';

/** How a wait ended, for the event log: where it matched, or the code of the error. */
export interface ConsoleWait {
  readonly patterns: string;
  readonly start?: number;
  readonly end?: number;
  readonly code?: string;
  readonly ms: number;
}

/** A console that tells how every wait of the suite ended; the rig's own waits for a login are not told. */
export class RecordedConsole implements Console {
  readonly #console: Console;
  readonly #record: (wait: ConsoleWait) => void;

  constructor(console: Console, record: (wait: ConsoleWait) => void) {
    this.#console = console;
    this.#record = record;
  }

  get epoch(): number {
    return this.#console.epoch;
  }

  mark(): ConsoleMark {
    return this.#console.mark();
  }

  async expect(
    patterns: string | RegExp | readonly (string | RegExp)[],
    options?: WaitOptions & { readonly since?: ConsoleMark },
  ): Promise<ConsoleMatch> {
    const began = performance.now();
    const tell = (end: Omit<ConsoleWait, 'patterns' | 'ms'>): void =>
      this.#record({
        patterns: describePatterns(patterns),
        ...end,
        ms: Math.round(performance.now() - began),
      });
    try {
      const match = await this.#console.expect(patterns, options);
      tell({ start: match.start, end: match.end });
      return match;
    } catch (error) {
      tell({ code: error instanceof RigError ? error.code : 'suite.unexpected' });
      throw error;
    }
  }

  send(text: string): Promise<void> {
    return this.#console.send(text);
  }

  text(since?: ConsoleMark): string {
    return this.#console.text(since);
  }

  expectPanic<T>(body: () => Promise<T>, options?: WaitOptions): Promise<T> {
    return this.#console.expectPanic(body, options);
  }

  expectReset<T>(body: () => Promise<T>, options?: WaitOptions): Promise<T> {
    return this.#console.expectReset(body, options);
  }
}
