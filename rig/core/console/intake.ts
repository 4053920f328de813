import type { SecretStream } from '../../record/secrets.js';
import type { ConsoleEngineOptions } from './options.js';
import { Progress } from './progress.js';

/**
 * The way of bytes into the log: masked, counted, reported. What may be the beginning of a secret is held back from the log
 * alone: matching sees every byte at once, so a prompt that ends like a secret's beginning never hangs.
 */
export class Intake {
  readonly #log: ConsoleEngineOptions['log'];
  readonly #stream: SecretStream;
  readonly #progress: Progress;
  readonly #first: number;
  #received: number;

  constructor(
    { log, secrets }: Pick<ConsoleEngineOptions, 'log' | 'secrets'>,
    report: (offset: number, length: number) => void,
  ) {
    this.#log = log;
    this.#stream = secrets.stream();
    this.#first = log.offset;
    this.#received = log.offset;
    this.#progress = new Progress(log.offset, report);
  }

  /** Where the next byte will stand in the log. */
  get offset(): number {
    return this.#received;
  }

  get bytesEver(): number {
    return this.#received - this.#first;
  }

  /** Bytes that have not entered the log yet. */
  get held(): number {
    return this.#stream.held;
  }

  take(chunk: Uint8Array): void {
    this.#received += chunk.length;
    this.#append(this.#stream.push(chunk));
  }

  /** Lets what is held into the log. */
  release(): void {
    if (this.#stream.held > 0) this.#append(this.#stream.flush());
  }

  /** Reports the bytes before `offset` now. */
  report(offset: number): void {
    this.#progress.flush(offset);
  }

  stop(): void {
    this.release();
    this.#progress.stop();
  }

  #append(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#log.append(bytes);
    this.#progress.grownTo(this.#log.offset);
  }
}
