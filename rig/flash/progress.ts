export type FlashPhase = 'prepare' | 'write' | 'sync' | 'verify' | 'done';

/** How far a flash is, at one moment. */
export interface ProgressState {
  readonly phase: FlashPhase;
  /** Bytes of the image that this phase is done with. */
  readonly doneBytes: number;
  /** Absent while nobody can tell. */
  readonly totalBytes?: number;
  /** Of this phase, from 0 to 1; of a packed image by how much of it was read. Absent while nobody can tell. */
  readonly fraction?: number;
  /** Over the phase so far. */
  readonly bytesPerSecond: number;
  readonly secondsLeft?: number;
}

/** Kept by the flash, looked at by whoever shows it, as often as they like. */
export class FlashProgress {
  readonly #onPhase: ((phase: FlashPhase) => void) | undefined;
  #phase: FlashPhase = 'prepare';
  #began = performance.now();
  #done = 0;
  #written = 0;
  #total: number | undefined;
  #packedFraction: (() => number | undefined) | undefined;

  constructor(onPhase?: (phase: FlashPhase) => void) {
    this.#onPhase = onPhase;
  }

  /** Bytes that really went to the medium; what it had already is not counted. */
  get writtenBytes(): number {
    return this.#written;
  }

  /** @returns seconds that the phase before took */
  enter(
    phase: FlashPhase,
    options: {
      readonly totalBytes?: number | undefined;
      readonly packedFraction?: () => number | undefined;
    } = {},
  ): number {
    const seconds = (performance.now() - this.#began) / 1000;
    this.#phase = phase;
    this.#began = performance.now();
    this.#done = 0;
    this.#total = options.totalBytes;
    this.#packedFraction = options.packedFraction;
    this.#onPhase?.(phase);
    return seconds;
  }

  wrote(bytes: number, writtenBytes: number): void {
    this.#done += bytes;
    this.#written += writtenBytes;
  }

  verified(bytes: number): void {
    this.#done += bytes;
  }

  state(): ProgressState {
    const seconds = Math.max((performance.now() - this.#began) / 1000, 0.001);
    const fraction = this.#fraction();
    return {
      phase: this.#phase,
      doneBytes: this.#done,
      ...(this.#total === undefined ? {} : { totalBytes: this.#total }),
      ...(fraction === undefined ? {} : { fraction }),
      bytesPerSecond: Math.round(this.#done / seconds),
      ...(fraction ? { secondsLeft: Math.round((seconds / fraction) * (1 - fraction)) } : {}),
    };
  }

  #fraction(): number | undefined {
    if (this.#total !== undefined) return this.#total === 0 ? 1 : Math.min(1, this.#done / this.#total);
    const fraction = this.#packedFraction?.();
    return fraction === undefined ? undefined : Math.min(1, fraction);
  }
}
