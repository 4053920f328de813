import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { Cancellable } from '../../../contracts/capabilities.js';
import { hostnameProblem, type Settings, sshKeyProblem, wifiProblems } from '../../../image/settings.js';

/** Asks on this terminal for the usual settings; an empty answer leaves one as it is. */
export async function askSettings({
  readSshKey,
  signal,
}: { readonly readSshKey: (given: string) => Promise<string[]> } & Cancellable): Promise<Settings> {
  using terminal = new Questions(signal);
  const hostname = await terminal.ask('Host name (empty: as it is): ', (text) => hostnameProblem(text));
  const ssid = await terminal.ask('Wifi network (empty: none): ', (text) => wifiProblems({ ssid: text })[0]);
  const key =
    ssid === undefined
      ? undefined
      : await terminal.ask(
          'Its key (not shown; empty: open network): ',
          (text) => wifiProblems({ ssid, key: text })[0],
          {
            hidden: true,
          },
        );
  const logging = await terminal.ask('Keep logs over reboots? (y/n, empty: as it is): ', (text) =>
    /^[yn]/i.test(text) ? undefined : 'Answer y or n.',
  );
  let sshKeys: string[] = [];
  await terminal.ask('Public ssh key, or a file of them (empty: none): ', async (text) => {
    try {
      sshKeys = await readSshKey(text);
    } catch (error) {
      return (error as Error).message;
    }
    return sshKeys.map(sshKeyProblem).find((problem) => problem !== undefined);
  });
  return {
    hostname,
    wifi: ssid === undefined ? undefined : { ssid, key },
    persistentLogging: logging === undefined ? undefined : /^y/i.test(logging),
    sshKeys,
  };
}

/** Questions on standard error, so that standard output stays the result alone. */
class Questions implements Disposable {
  readonly #signal: AbortSignal | undefined;
  #hidden = false;
  readonly #output = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      if (!this.#hidden) process.stderr.write(chunk);
      done();
    },
  });
  readonly #lines;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
    this.#lines = createInterface({ input: process.stdin, output: this.#output, terminal: true });
    // Ctrl-C reaches the reader of a raw terminal as a key.
    this.#lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  }

  /** Asks again until `problem` finds none; undefined for an empty answer. */
  async ask(
    question: string,
    problem: (text: string) => string | undefined | Promise<string | undefined>,
    { hidden = false }: { readonly hidden?: boolean } = {},
  ): Promise<string | undefined> {
    for (;;) {
      if (hidden) process.stderr.write(question);
      this.#hidden = hidden;
      // The reader draws its line anew, and wipes a question that it does not know of; one that may write nothing wipes nothing.
      const text = await this.#answer(hidden ? '' : question);
      if (hidden) process.stderr.write('\n');
      this.#hidden = false;
      if (text === '') return undefined;
      const found = await problem(text);
      if (found === undefined) return text;
      process.stderr.write(`${found}\n`);
    }
  }

  async #answer(question: string): Promise<string> {
    const options = this.#signal ? { signal: this.#signal } : {};
    return await this.#lines.question(question, options);
  }

  [Symbol.dispose](): void {
    this.#lines.close();
  }
}
