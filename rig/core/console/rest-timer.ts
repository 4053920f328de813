/** Text that rests this long counts as a prompt: its line is shown to regular expressions though no newline came. */
const restMs = 30;
/** Nor does a line that never rests stay unseen longer than this. */
const maxRestlessMs = 250;
/** After this much silence nothing more is expected. */
const silenceMs = 1_000;

/** Tells when a stream of bytes pauses. One timer, re-armed only when it fires or when a pause ends, so a flood costs nothing. */
export class RestTimer {
  readonly #clock: () => number;
  readonly #onRest: (state: { resting: boolean; silent: boolean }) => void;
  #timer: NodeJS.Timeout | undefined;
  #lastAt: number | undefined;
  #restlessSince: number | undefined;
  #silent = true;

  /** @param onRest `resting`: nothing came for 30 ms; `silent`: for a second; neither: bytes have kept coming for 250 ms */
  constructor(clock: () => number, onRest: (state: { resting: boolean; silent: boolean }) => void) {
    this.#clock = clock;
    this.#onRest = onRest;
  }

  get resting(): boolean {
    return this.#restlessSince === undefined;
  }

  /** When the last byte came, by the clock. */
  get lastAt(): number | undefined {
    return this.#lastAt;
  }

  touched(): void {
    this.#lastAt = this.#clock();
    this.#silent = false;
    if (this.#restlessSince !== undefined) return;
    this.#restlessSince = this.#lastAt;
    // What is armed now, if anything, waits for a second of silence: far too long for a prompt that comes after a pause.
    clearTimeout(this.#timer);
    this.#arm(restMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #arm(ms: number): void {
    this.#timer = setTimeout(() => this.#fired(), Math.max(1, Math.ceil(ms))).unref();
  }

  #fired(): void {
    this.#timer = undefined;
    const now = this.#clock();
    const quietMs = now - (this.#lastAt ?? now);
    if (quietMs >= silenceMs) this.#silent = true;
    const resting = quietMs >= restMs;
    if (resting || now - (this.#restlessSince ?? now) >= maxRestlessMs) {
      this.#restlessSince = resting ? undefined : now;
      this.#onRest({ resting, silent: this.#silent });
    }
    if (!this.#silent && this.#timer === undefined)
      this.#arm(resting ? silenceMs - quietMs : restMs - quietMs);
  }
}
