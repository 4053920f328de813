import type { Outcome } from '../../contracts/powercut-verdict.js';
import type { Tier } from '../../core/powercut/judge/explore.js';
import type { CommandIo } from '../command.js';

/** Where nobody can see a line redrawn, one this often says that it goes on. */
const plainEveryMs = 15_000;

const tierWords: Readonly<Record<Tier, string>> = {
  boot: "bootloader's word",
  full: 'full judgement',
  check: 'check of what was settled without a boot',
};

/** How far an exploration is: one line that is redrawn in a terminal, now and then a line elsewhere. */
export class ExploreProgress {
  readonly #io: CommandIo;
  readonly #began = performance.now();
  #lastAt = Number.NEGATIVE_INFINITY;
  #drawn = false;
  #tier: Tier | undefined;
  boots = 0;
  readonly bad: Record<Extract<Outcome, 'bricked' | 'dataLost'>, number> = { bricked: 0, dataLost: 0 };

  constructor(io: CommandIo) {
    this.#io = io;
  }

  line(text: string): void {
    this.#clear();
    this.#io.err(`${text}\n`);
  }

  show({ tier, settled, of }: { tier: Tier; settled: number; of: number }): void {
    const now = performance.now();
    const isDone = settled === of || tier !== this.#tier;
    this.#tier = tier;
    if (!this.#io.terminal && !isDone && now < this.#lastAt + plainEveryMs) return;
    this.#lastAt = now;
    const seconds = Math.round((now - this.#began) / 1000);
    const bad = Object.entries(this.bad).flatMap(([word, count]) => (count > 0 ? [`${count} ${word}`] : []));
    const text = `${tierWords[tier]}: ${settled} of ${of} states, ${this.boots} boots, ${seconds} s${bad.length > 0 ? `; ${bad.join(', ')}` : ''}`;
    if (this.#io.terminal && settled < of) {
      this.#io.err(`\r\x1b[K${text}`);
      this.#drawn = true;
    } else this.line(text);
  }

  #clear(): void {
    if (this.#drawn) this.#io.err('\r\x1b[K');
    this.#drawn = false;
  }
}
