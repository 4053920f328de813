import type { Image } from '../../contracts/board.js';
import { firstLine, messageOf } from '../../contracts/errors.js';
import type { Shell, ShellResult, SshLogin, WaitOptions } from '../../contracts/suite.js';
import { SshShell } from '../ssh/ssh-shell.js';
import { need } from './absent.js';
import type { Circuit } from './circuit.js';
import { AbsentShell, recordedLogin, recordedShell } from './recorded-shell.js';

export interface ShellsOptions {
  /** What is on the medium now. */
  readonly image: () => Image | undefined;
  readonly privateKey: (image: Image | undefined) => string | undefined;
}

/** The ways to run a command on a board, whoever answers. */
export interface Shells {
  readonly ssh: Shell;
  readonly console: Shell;
  /** ssh where the board has it, else the console. */
  readonly preferred: Shell;
  readonly any: boolean;
  /** Resolves when a Shell answers; `timeoutMs` is scaled already. */
  ready(timeoutMs: number): Promise<void>;
  /** Whether a Shell answers within a short time. Never rejects. */
  answers(): Promise<boolean>;
  accepts(login: SshLogin, options?: WaitOptions): Promise<boolean>;
  /** The board was powered off, reset or lost: no connection to it stands. */
  disconnect(): void;
}

/** How long `answers` waits for a board that may be dead. */
const answerMs = 3_000;

/** The ways to run a command on a board that is there. */
export class BoardShells implements Shells {
  readonly ssh: Shell;
  readonly console: Shell;
  /** ssh where the board has it, else the console. */
  readonly preferred: Shell;
  readonly #circuit: Circuit;
  readonly #options: ShellsOptions;
  readonly #ssh: SshShell | undefined;
  /** A chore over ssh had no answer: the console is asked first from then on. */
  #sshFailed = false;

  constructor(circuit: Circuit, options: ShellsOptions) {
    this.#circuit = circuit;
    this.#options = options;
    const { name } = circuit;
    const onConsole = circuit.console?.shell;
    this.#ssh = this.#makeSsh();
    this.ssh = this.#ssh
      ? this.#recorded(this.#ssh, 'ssh')
      : new AbsentShell(`Board ${name} has no address, so no ssh`);
    this.console = onConsole
      ? this.#recorded(onConsole, 'console')
      : new AbsentShell(`Board ${name} has no shell on its console`);
    this.preferred = this.#ssh ? this.ssh : this.console;
  }

  get any(): boolean {
    return this.#ssh !== undefined || this.#circuit.console?.shell !== undefined;
  }

  /**
   * Resolves when the Shell that the image promises answers: the console's, which needs no network, or ssh.
   *
   * @param timeoutMs scaled already
   */
  async ready(timeoutMs: number): Promise<void> {
    const { scale, signal, name } = this.#circuit;
    const onConsole = this.#circuit.console?.shell;
    // The console shell scales by itself.
    const consoleReady = { timeoutMs: timeoutMs / scale, signal };
    if (onConsole && this.#promisesConsoleLogin()) return onConsole.ready(consoleReady);
    if (this.#ssh) return this.#ssh.ready(timeoutMs, signal);
    return need(onConsole, 'shell', name).ready(consoleReady);
  }

  /** Whether a Shell answers within a short time. Never rejects. */
  async answers(): Promise<boolean> {
    try {
      return (await this.preferred.run('true', { timeoutMs: answerMs })).exitCode === 0;
    } catch {
      return false;
    }
  }

  /** A login over ssh for one command and out again, where the board has ssh. Never rejects: what is wrong with it shows later. */
  async warmUp(command: string, { timeoutMs }: { timeoutMs: number }): Promise<void> {
    if (!this.#ssh) return;
    try {
      await this.#ssh.run(command, { timeoutMs });
    } catch (error) {
      const { name, emit } = this.#circuit;
      const why = firstLine(messageOf(error));
      emit({ type: 'log', level: 'warning', board: name, message: `Saved without a login over ssh: ${why}` });
    } finally {
      this.disconnect();
    }
  }

  /**
   * A command of the rig's own; the record shows `shown` instead. ssh comes first, since the connection then serves the test too, unless
   * it did not answer before; the console, where the image promises one, is the second way.
   */
  async chore(
    command: string,
    { shown, timeoutMs }: { shown: string; timeoutMs: number },
  ): Promise<ShellResult> {
    const onConsole = this.#circuit.console?.shell;
    const second = onConsole && this.#promisesConsoleLogin() ? onConsole : undefined;
    if (this.#ssh && !(second && this.#sshFailed)) {
      try {
        return await this.#ssh.run(command, { timeoutMs });
      } catch (error) {
        this.#circuit.signal.throwIfAborted();
        if (!second) throw error;
        this.#sshFailed = true;
      }
    }
    return need(second ?? onConsole, 'shell', this.#circuit.name).run(command, { timeoutMs, shown });
  }

  async accepts(login: SshLogin, options?: WaitOptions): Promise<boolean> {
    const ssh = need(this.#ssh, 'address', this.#circuit.name);
    return recordedLogin(this.#circuit, login.method, () => ssh.accepts(login, options));
  }

  /** The board was powered off, reset or lost: no connection to it stands. */
  disconnect(): void {
    this.#ssh?.disconnect();
  }

  #promisesConsoleLogin(): boolean {
    const variant = this.#options.image()?.variant ?? 'dev';
    return this.#circuit.session.board.profile.consoleLogin[variant];
  }

  #makeSsh(): SshShell | undefined {
    const { privateKey, image } = this.#options;
    const circuit = this.#circuit;
    const { session, scale } = circuit;
    const { address } = session.capabilities;
    if (!address) return undefined;
    const { ssh } = session.board.profile;
    return new SshShell({
      credentials: () => {
        const key = privateKey(image());
        return { user: ssh.user, ...(key === undefined ? {} : { privateKey: key }) };
      },
      endpoint: (ended) => address.endpoint(session.board.ssh?.port ?? ssh.port, { signal: ended }),
      scale,
      abortSignal: () => circuit.signal,
    });
  }

  #recorded(shell: Shell, via: 'ssh' | 'console'): Shell {
    return recordedShell(this.#circuit, { via, shell, withOutput: true });
  }
}
