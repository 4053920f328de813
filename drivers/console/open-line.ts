import { packageVersion } from '../../rig/config/package.js';
import type { Cancellable, ConsoleLine, ConsolePort, ConsoleSink } from '../../rig/contracts/capabilities.js';
import type { Device } from '../../rig/contracts/driver.js';
import { RigError } from '../../rig/contracts/errors.js';

/** How bytes leave a line, and how it is closed. `close` must be safe to call on a line that is gone. */
export interface LineEnds {
  write(bytes: Uint8Array, done: (error?: Error | null) => void): unknown;
  /** Of a line that has it; safe to call on one that is gone. */
  sendBreak?(options: Cancellable): Promise<void>;
  close(): Promise<void>;
}

/** What every console line does the same: reports a loss once, fails writes after it, closes once. */
export class OpenLine implements ConsoleLine {
  readonly sendBreak?: NonNullable<ConsoleLine['sendBreak']>;
  readonly #sink: ConsoleSink;
  readonly #ends: LineEnds;
  #closed: Promise<void> | undefined;
  #loss: RigError | undefined;
  readonly #waiting = new Set<(error: RigError) => void>();

  constructor(sink: ConsoleSink, ends: LineEnds) {
    this.#sink = sink;
    this.#ends = ends;
    const held = ends.sendBreak?.bind(ends);
    if (held) this.sendBreak = (options) => this.#hold(held, options);
  }

  data(chunk: Uint8Array): void {
    if (!this.#closed && !this.#loss) this.#sink.data(chunk);
  }

  /** The first call counts; none does once the line is being closed on purpose. */
  lose(error: RigError): void {
    if (this.#closed || this.#loss) return;
    this.#loss = error;
    for (const fail of this.#waiting) fail(error);
    this.#sink.lost(error);
  }

  write(bytes: Uint8Array, { signal }: Cancellable = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) throw signal.reason;
      if (this.#loss) throw this.#loss;
      if (this.#closed) throw closedError();
      const settle = (act: () => void) => {
        this.#waiting.delete(fail);
        signal?.removeEventListener('abort', abort);
        act();
      };
      const fail = (error: RigError) => settle(() => reject(error));
      const abort = () => settle(() => reject(signal?.reason));
      this.#waiting.add(fail);
      signal?.addEventListener('abort', abort, { once: true });
      // A copy: who writes may use the bytes again at once.
      this.#ends.write(Uint8Array.from(bytes), (error) =>
        settle(() => (error ? reject(writeError(error)) : resolve())),
      );
    });
  }

  async #hold(hold: NonNullable<LineEnds['sendBreak']>, options: Cancellable = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (this.#loss) throw this.#loss;
    if (this.#closed) throw closedError();
    try {
      await hold(options);
    } catch (cause) {
      options.signal?.throwIfAborted();
      throw writeError(cause as Error);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) {
      for (const fail of this.#waiting) fail(closedError());
      this.#closed = this.#ends.close();
    }
    return this.#closed;
  }
}

function closedError(): RigError {
  return new RigError('Cannot write to the console: it was closed', {
    code: 'console.closed',
    blame: 'rig',
    hint: 'The session that held the board has ended; start it again.',
  });
}

function writeError(cause: Error): RigError {
  return new RigError(`Cannot write to the console: ${cause.message}`, {
    code: 'console.write-failed',
    blame: 'rig',
    hint: 'Look whether the adapter is still plugged in.',
    cause,
  });
}

/** A device that is a console and nothing else: one line at a time, closed with the device. */
export class ConsoleDevice implements Device {
  readonly driver: Device['driver'];
  readonly capabilities: { readonly console: ConsolePort };
  #line: Promise<ConsoleLine> | undefined;

  constructor(name: string, openLine: (sink: ConsoleSink, options: Cancellable) => Promise<ConsoleLine>) {
    this.driver = { name, version: packageVersion() };
    this.capabilities = {
      console: {
        open: async (sink, options = {}) => {
          if (this.#line) throw busyError(name);
          options.signal?.throwIfAborted();
          this.#line = openLine(sink, options);
          this.#line.catch(() => {
            this.#line = undefined;
          });
          return this.#line;
        },
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Who opened it was told already when that failed.
    const line = await this.#line?.catch(() => undefined);
    await line?.[Symbol.asyncDispose]();
  }
}

function busyError(name: string): RigError {
  return new RigError(`Cannot open the console: ${name} has it open already`, {
    code: 'console.busy',
    blame: 'rig',
    hint: 'A console is opened once and shared by the session that holds the board.',
  });
}
