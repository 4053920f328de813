import { serialConsoleDriver } from '../../../drivers/console/serial.js';
import type { ConsoleLine } from '../../../rig/contracts/capabilities.js';
import { pollUntil } from '../../../rig/lifetime/poll.js';
import { open, openLine, Sink } from '../../wired/support.js';

/** Our console driver on an emulated adapter, whose far end answers questions. */
export class Asking implements AsyncDisposable {
  readonly line: ConsoleLine;
  readonly sink: Sink;
  #seen = 0;

  private constructor(line: ConsoleLine, sink: Sink) {
    this.line = line;
    this.sink = sink;
  }

  static async at(path: string, options: Record<string, unknown> = {}): Promise<Asking> {
    const sink = new Sink();
    const device = await open(serialConsoleDriver, { path, ...options });
    return new Asking(await openLine(device, sink), sink);
  }

  async type(text: string): Promise<void> {
    await this.line.write(Buffer.from(text));
  }

  /** The answer stands between angle brackets. */
  async ask(question: string): Promise<string> {
    await this.type(`${question}\n`);
    const text = (): string => this.sink.bytes.toString('latin1');
    const end = await pollUntil(() => text().indexOf('>', this.#seen) + 1, {
      what: `an answer to ${question}; the far end said ${JSON.stringify(text().slice(this.#seen))}`,
      timeoutMs: 60_000,
      everyMs: 10,
    });
    const answer = text().slice(this.#seen, end);
    this.#seen = end;
    return answer.slice(answer.lastIndexOf('<') + 1, -1);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.line[Symbol.asyncDispose]() as Promise<void>;
  }
}
