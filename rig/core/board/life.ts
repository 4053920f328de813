import type { Stage } from '../../contracts/board.js';
import type { EventBody } from '../../contracts/events.js';
import type { BootRecord } from '../../contracts/suite.js';

/** How often a board began anew, and how far it came since. */
export class BoardLife {
  /** Cold boots so far. */
  boots = 0;
  #epochs = 0;
  #began = performance.now();
  #stages: { stage: Stage; ms: number }[] = [];
  readonly #board: string;
  readonly #emit: (event: EventBody) => void;

  constructor(board: string, emit: (event: EventBody) => void) {
    this.#board = board;
    this.#emit = emit;
  }

  /** Power-ons and observed resets so far. */
  get epochs(): number {
    return this.#epochs;
  }

  /** Where an event of now belongs. */
  get place(): { board: string; epoch: number } {
    return { board: this.#board, epoch: this.#epochs };
  }

  get boot(): BootRecord {
    return { epoch: this.#epochs, stages: [...this.#stages] };
  }

  beginEpoch(): void {
    this.#epochs += 1;
    this.#began = performance.now();
    this.#stages = [];
  }

  /** A stage that the console showed and told already. */
  add(stage: Stage, ms: number): void {
    if (!this.#has(stage)) this.#stages.push({ stage, ms });
  }

  /** A stage that shows otherwise than on the console: a Shell answered. */
  note(stage: Stage): void {
    if (this.#has(stage)) return;
    const ms = Math.round(performance.now() - this.#began);
    this.#stages.push({ stage, ms });
    this.#emit({ type: 'stage', ...this.place, stage, ms });
  }

  #has(stage: Stage): boolean {
    return this.#stages.some((seen) => seen.stage === stage);
  }
}
