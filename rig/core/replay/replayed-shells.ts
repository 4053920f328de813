import { RigError } from '../../contracts/errors.js';
import type { Shell, ShellResult, SshLogin, WaitOptions } from '../../contracts/suite.js';
import { abortable } from '../../lifetime/abortable.js';
import { readOutput } from '../../record/kept-output.js';
import type { Circuit } from '../board/circuit.js';
import { AbsentShell, recordedLogin, recordedShell } from '../board/recorded-shell.js';
import type { Shells } from '../board/shells.js';
import { textOf } from '../shell-text.js';
import type { ReplayedSession } from './replayed-session.js';
import { askKey, type Entry } from './timeline.js';

type Answer = NonNullable<Extract<Entry, { kind: 'ask' }>['answer']>;

export interface ReplayedShellsOptions {
  readonly session: ReplayedSession;
  /** The run folder. */
  readonly dir: string;
  /** Commands were masked when they were recorded. */
  readonly mask: (text: string) => string;
}

/** Shells that answer from the record. */
export class ReplayedShells implements Shells {
  readonly ssh: Shell;
  readonly console: Shell;
  readonly preferred: Shell;
  readonly any: boolean;
  readonly #circuit: Circuit;
  readonly #session: ReplayedSession;
  readonly #dir: string;
  readonly #mask: (text: string) => string;

  constructor(circuit: Circuit, { session, dir, mask }: ReplayedShellsOptions) {
    this.#mask = mask;
    this.#circuit = circuit;
    this.#session = session;
    this.#dir = dir;
    const { name } = circuit;
    this.ssh = session.capabilities.address
      ? this.#shell('ssh')
      : new AbsentShell(`Board ${name} had no address, so no ssh`);
    this.console =
      circuit.console && session.board.type.signatures.prompt
        ? this.#shell('console')
        : new AbsentShell(`Board ${name} had no shell on its console`);
    this.any = session.capabilities.address !== undefined || !(this.console instanceof AbsentShell);
    this.preferred = session.capabilities.address ? this.ssh : this.console;
  }

  async ready(timeoutMs: number): Promise<void> {
    const circuit = this.#circuit;
    if (circuit.life.boot.stages.some(({ stage }) => stage === 'shell')) return;
    const action = 'Cannot see in the record that a shell answered';
    const engine = circuit.console?.engine;
    const wait = engine?.watch<void>({ action, code: 'shell.no-answer', timeoutMs, signal: circuit.signal });
    if (wait) {
      using _shell = this.#session.onShell(() => wait.settle(undefined));
      await wait.answer;
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    let shell: Disposable | undefined;
    const answer = new Promise<void>((resolve, reject) => {
      shell = this.#session.onShell(resolve);
      timer = setTimeout(() => reject(noAnswer(`${action} within ${Math.round(timeoutMs)} ms`)), timeoutMs);
    });
    await abortable(answer, { signal: circuit.signal }).finally(() => {
      clearTimeout(timer);
      shell?.[Symbol.dispose]();
    });
  }

  async answers(): Promise<boolean> {
    try {
      return (await this.preferred.run('true')).exitCode === 0;
    } catch {
      return false;
    }
  }

  accepts({ method }: SshLogin, options: WaitOptions = {}): Promise<boolean> {
    return recordedLogin(this.#circuit, method, async () => {
      const key = askKey.login(method);
      const answer = await this.#asked(key, options);
      if (answer?.type !== 'ssh.login') throw this.#session.unrecorded(key);
      if (answer.accepted === null) throw failed(answer, 'The board was not reached over ssh');
      return answer.accepted;
    });
  }

  disconnect(): void {}

  #shell(via: 'ssh' | 'console'): Shell {
    const run = (command: string, options: WaitOptions = {}): Promise<ShellResult> =>
      this.#run(askKey.shell(via, this.#mask(command)), options);
    const text = async (command: string, options?: WaitOptions): Promise<string> =>
      textOf(command, await run(command, options));
    return recordedShell(this.#circuit, { via, shell: { run, text }, withOutput: false });
  }

  async #run(key: string, options: WaitOptions): Promise<ShellResult> {
    const answer = await this.#asked(key, options);
    if (answer?.type !== 'shell') throw this.#session.unrecorded(key);
    const { exitCode } = answer;
    if (exitCode === null) {
      if (answer.error === undefined)
        throw this.#session.unrecorded(`${key} (it was not recorded why it had no answer)`);
      throw failed(answer, `No answer: ${key}`);
    }
    const output = readOutput(answer, this.#dir);
    return output
      ? { exitCode, ...output }
      : unknownOutput(exitCode, () => this.#session.unrecorded(`the output of ${key}`));
  }

  /** Waits until what was asked then was answered. */
  async #asked(key: string, options: WaitOptions): Promise<Answer | undefined> {
    const { signal } = this.#circuit;
    const limits = { signal: options.signal ? AbortSignal.any([options.signal, signal]) : signal };
    const { answer } = await abortable(this.#session.ask(key), limits);
    if (answer) await abortable(this.#session.playback.answered(answer.seq), limits);
    return answer;
  }
}

/** The exit code of an old run's command is known, and whoever looks at the rest asks too much. */
function unknownOutput(exitCode: number, unrecorded: () => RigError): ShellResult {
  return {
    exitCode,
    get stdout(): string {
      throw unrecorded();
    },
    get stderr(): string {
      throw unrecorded();
    },
  };
}

function failed(answer: Answer, otherwise: string): RigError {
  const { error } = answer;
  return new RigError(error?.message ?? otherwise, {
    code: (error?.code ?? 'replay.failed') as `${string}.${string}`,
    blame: error?.blame ?? 'board',
    hint: error?.hint ?? '',
    ...(error?.evidence ? { evidence: error.evidence } : {}),
  });
}

function noAnswer(message: string): RigError {
  return new RigError(message, {
    code: 'shell.no-answer',
    blame: 'board',
    hint: 'The record holds no shell here.',
  });
}
