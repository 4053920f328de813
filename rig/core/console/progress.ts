/** At most one report in this time. */
const everyMs = 20;

/** Tells how far the log has grown, in consecutive pieces, at most every 20 ms. */
export class Progress {
  readonly #report: (offset: number, length: number) => void;
  #told: number;
  #end: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(start: number, report: (offset: number, length: number) => void) {
    this.#report = report;
    this.#told = start;
    this.#end = start;
  }

  grownTo(end: number): void {
    if (end <= this.#end) return;
    this.#end = end;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.flush();
    }, everyMs).unref();
  }

  /** Reports what is before `end` now. */
  flush(end = this.#end): void {
    const upTo = Math.min(end, this.#end);
    if (upTo > this.#told) {
      const from = this.#told;
      this.#told = upTo;
      this.#report(from, upTo - from);
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.flush();
  }
}
