import type { Client } from 'ssh2';
import type { Endpoint } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import type { Shell, ShellResult, SshLogin, WaitOptions } from '../../contracts/suite.js';
import { pause } from '../../lifetime/abortable.js';
import { textOf } from '../shell-text.js';
import { type Credentials, connect } from './connection.js';
import { runCommand } from './run-command.js';

export interface SshShellOptions {
  /** Asked anew at every connection: another image has another key. */
  credentials(): Credentials;
  /** Asked anew at every connection: a board's address may change. */
  endpoint(signal: AbortSignal): Promise<Endpoint>;
  /** Multiplies every time-out. */
  readonly scale: number;
  /** Ends whatever is under way, and with it the reason. */
  abortSignal(): AbortSignal;
}

/** Time for the server's first bytes in the first attempt; each further one is given as much more. */
const greetingMs = 1_000;
const handshakeMs = 8_000;
const retryEveryMs = 150;
const defaultTimeoutMs = 30_000;

/**
 * A Shell over one ssh connection, made when first needed and again when it was lost. Only connecting is tried more
 * than once: a command that was sent is never sent again, because it may have run.
 */
export class SshShell implements Shell, AsyncDisposable {
  readonly #options: SshShellOptions;
  #client: Client | undefined;

  constructor(options: SshShellOptions) {
    this.#options = options;
  }

  /** Whether a connection stands, as far as this end knows. */
  get connected(): boolean {
    return this.#client !== undefined;
  }

  /** @throws RigError `ssh.no-answer`, `ssh.refused-login`, `ssh.timeout`, `ssh.lost` */
  async run(command: string, options: WaitOptions = {}): Promise<ShellResult> {
    const timeoutMs = (options.timeoutMs ?? defaultTimeoutMs) * this.#options.scale;
    const signal = this.#signal(options);
    const end = performance.now() + timeoutMs;
    const client = await this.#connected(end, signal);
    return runCommand(client, command, { timeoutMs: Math.max(1, end - performance.now()), signal });
  }

  async text(command: string, options: WaitOptions = {}): Promise<string> {
    return textOf(command, await this.run(command, options));
  }

  /** Waits until the server lets us in; `timeoutMs` is scaled already. */
  async ready(timeoutMs: number, signal: AbortSignal): Promise<void> {
    await this.#connected(performance.now() + timeoutMs, signal);
  }

  /** Whether the server lets `login` in; a connection of its own, so that the shell's is not touched. */
  async accepts(login: SshLogin, options: WaitOptions = {}): Promise<boolean> {
    const signal = this.#signal(options);
    const endpoint = await this.#options.endpoint(signal);
    const timeoutMs = (options.timeoutMs ?? defaultTimeoutMs) * this.#options.scale;
    try {
      const client = await connect(endpoint, {
        credentials: this.#options.credentials(),
        login,
        timeoutMs,
        signal,
      });
      client.end();
      return true;
    } catch (error) {
      if (error instanceof RigError && error.code === 'ssh.refused-login') return false;
      throw error;
    }
  }

  /** Forgets the connection: the board was powered off or rebooted under it. */
  disconnect(): void {
    this.#client?.destroy();
    this.#client = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disconnect();
  }

  #signal(options: WaitOptions): AbortSignal {
    const general = this.#options.abortSignal();
    return options.signal ? AbortSignal.any([options.signal, general]) : general;
  }

  async #connected(end: number, signal: AbortSignal): Promise<Client> {
    if (this.#client) return this.#client;
    let attempts = 0;
    for (;;) {
      attempts += 1;
      const left = end - performance.now();
      try {
        const endpoint = await this.#options.endpoint(signal);
        const client = await connect(endpoint, {
          credentials: this.#options.credentials(),
          login: { method: 'key' },
          greetingMs: Math.max(1, Math.min(left, greetingMs * attempts, handshakeMs) * this.#options.scale),
          timeoutMs: Math.max(1, Math.min(left, handshakeMs * this.#options.scale)),
          signal,
        });
        return this.#adopt(client);
      } catch (error) {
        const again = error instanceof RigError && error.code === 'ssh.no-answer';
        if (!again || performance.now() + retryEveryMs >= end) throw withAttempts(error, attempts);
        await pause(Math.min(retryEveryMs * attempts, 1_000), { signal });
      }
    }
  }

  /** Two commands that were asked at once may both have connected: the first connection serves both. */
  #adopt(client: Client): Client {
    if (this.#client) {
      client.end();
      return this.#client;
    }
    this.#client = client;
    const forget = (): void => {
      if (this.#client === client) this.#client = undefined;
    };
    client.on('close', forget);
    client.on('error', forget);
    return client;
  }
}

function withAttempts(error: unknown, attempts: number): unknown {
  if (!(error instanceof RigError) || attempts === 1) return error;
  return new RigError(`${error.message} (${attempts} attempts)`, {
    code: error.code as `${string}.${string}`,
    blame: error.blame,
    hint: error.hint,
    cause: error.cause,
    evidence: { ...error.evidence, attempts },
  });
}
