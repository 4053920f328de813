import { LiveLines } from '../../../../reports/terminal/live-lines.js';
import { duration } from '../../../../reports/words.js';
import { toErrorRecord } from '../../../contracts/errors.js';
import { type FlashPhase, FlashProgress, type ProgressState } from '../../../flash/progress.js';
import { sizeWords } from '../../../schema/units.js';
import type { CommandIo } from '../../command.js';
import type { Flashed } from './flashed.js';

const jsonEveryMs = 1_000;
const linesEveryMs = 10_000;

const phaseWords: Readonly<Record<FlashPhase, string>> = {
  prepare: 'preparing',
  write: 'writing',
  sync: 'waiting for the medium',
  verify: 'reading back',
  done: 'done',
};

/** Shows a flash while it works: a line that is drawn over again, a line now and then, or JSON lines. */
export class FlashDisplay implements Disposable {
  readonly progress: FlashProgress;
  readonly #io: CommandIo;
  readonly #json: boolean;
  readonly #live: LiveLines | undefined;
  readonly #clock: NodeJS.Timeout | undefined;
  #touched = false;

  constructor(io: CommandIo, { json }: { readonly json: boolean }) {
    this.#io = io;
    this.#json = json;
    this.progress = new FlashProgress((phase) => this.#entered(phase));
    const escapes = io.terminal && !json && (io.env.NO_COLOR ?? '') === '' && io.env.TERM !== 'dumb';
    if (escapes)
      this.#live = new LiveLines(io.err, () => (this.#touched ? [lineOf(this.progress.state())] : []));
    else this.#clock = setInterval(() => this.#tick(), json ? jsonEveryMs : linesEveryMs).unref();
  }

  done({ report, image, place }: Flashed): void {
    this.#stop();
    if (this.#json) {
      this.#line({ event: 'done', image, place, ...report });
      return;
    }
    const { mappedBytes, imageBytes, writtenBytes, verified, seconds } = report;
    const total = seconds.write + seconds.sync + seconds.verify;
    this.#io.out(
      `${place} holds ${image}: ${sizeWords(mappedBytes)} of ${sizeWords(imageBytes)} are needed (${mapWords[report.map]}), ${sizeWords(writtenBytes)} were written, ${
        verified ? 'read back and right' : 'NOT VERIFIED'
      }, in ${duration(total * 1000)}\n`,
    );
  }

  failed(error: unknown): void {
    this.#stop();
    const { signal } = this.#io;
    if (this.#json)
      this.#line({
        event: 'failed',
        ...(signal.aborted ? { signal: String(signal.reason) } : { error: errorOf(error) }),
      });
    if (this.#touched)
      this.#io.err('The medium holds only a part of the image: flash it again before you use it\n');
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  #stop(): void {
    clearInterval(this.#clock);
    this.#live?.[Symbol.dispose]();
  }

  #entered(phase: FlashPhase): void {
    this.#touched = phase !== 'prepare' && phase !== 'done';
    if (this.#live) this.#live.changed();
    else if (phase !== 'done') this.#tick();
  }

  #tick(): void {
    const state = this.progress.state();
    if (this.#json) this.#line({ event: 'progress', ...state });
    else if (this.#touched) this.#io.err(`${lineOf(state)}\n`);
  }

  #line(value: object): void {
    this.#io.out(`${JSON.stringify(value)}\n`);
  }
}

const mapWords = {
  bmap: 'by its block map',
  filesystems: 'by its file systems',
  holes: 'by the holes of its file',
  all: 'all of it',
} as const;

function lineOf({
  phase,
  doneBytes,
  totalBytes,
  fraction,
  bytesPerSecond,
  secondsLeft,
}: ProgressState): string {
  const of = totalBytes === undefined ? '' : ` of ${sizeWords(totalBytes)}`;
  const parts = [
    `${phaseWords[phase]}: ${sizeWords(doneBytes)}${of}`,
    ...(fraction === undefined ? [] : [`${Math.floor(fraction * 100)} %`]),
    `${sizeWords(bytesPerSecond)}/s`,
    ...(secondsLeft === undefined ? [] : [`${duration(secondsLeft * 1000)} left`]),
  ];
  if (phase === 'sync') return phaseWords.sync;
  return doneBytes === 0 ? `${phaseWords[phase]}${of.replace(' of', '')}` : parts.join(', ');
}

function errorOf(error: unknown): object {
  const { stack: _, ...record } = toErrorRecord(error);
  return record;
}
