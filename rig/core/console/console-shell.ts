import { randomBytes } from 'node:crypto';
import { RigError } from '../../contracts/errors.js';
import type { Shell, ShellResult, WaitOptions } from '../../contracts/suite.js';
import { patternOf } from '../../pattern/signature.js';
import { textOf } from '../shell-text.js';
import { answerLogin, atLogin, type ConsoleAccess, type LoginOptions, logIn } from './console-login.js';
import type { ConsoleEngine } from './engine.js';
import { FrameReader } from './frame.js';
import { answerTo, commandLines, setUpLine } from './framing.js';
import { lastStamp } from './printk.js';

const defaultTimeoutMs = 30_000;
/** First wait for the answer of a probe; doubled up to the second. */
const probeMs = 1_000;
const maxProbeMs = 8_000;
/** So many probes go unanswered before an interrupt is typed: it would kill a login script that is only slow. */
const patientProbes = 3;
/** A shell that is ready shows the first marker within this, or our functions are gone. */
const beginMs = 15_000;
const interrupt = '\x03';
const noSignal = new AbortController().signal;

export interface ConsoleShellOptions {
  readonly engine: ConsoleEngine;
  readonly access: ConsoleAccess;
  /** Ends whatever is under way, and with it the reason. */
  readonly abortSignal?: () => AbortSignal;
  readonly onCommand?: (done: { command: string; exitCode: number | null; ms: number }) => void;
}

/**
 * A Shell on a serial console. Each command is framed by markers that nobody can guess, typed with one write; commands run
 * one at a time, in the order asked. A command that was typed is never typed again, because it may have run.
 */
export class ConsoleShell implements Shell {
  readonly #options: ConsoleShellOptions;
  /** The epoch in which our functions are known to the board's shell. */
  #readyEpoch: number | undefined;
  /** Something may still be running or half typed. */
  #disturbed = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ConsoleShellOptions) {
    this.#options = options;
  }

  /**
   * @param options `shown`: what the record and errors call the command
   * @throws RigError `shell.timeout`, `shell.no-answer`, `shell.bad-command`, `shell.too-much-output`, or those of `ready`
   */
  async run(command: string, options: WaitOptions & { readonly shown?: string } = {}): Promise<ShellResult> {
    const id = nonce();
    const lines = commandLines(command, id);
    return this.#inTurn(options, async (limits) => {
      await this.#ready(limits);
      const began = performance.now();
      let exitCode: number | null = null;
      try {
        const result = await this.#frame(options.shown ?? command, limits, { id, lines });
        exitCode = result.exitCode;
        return result;
      } finally {
        this.#options.onCommand?.({ command, exitCode, ms: Math.round(performance.now() - began) });
      }
    });
  }

  async text(command: string, options: WaitOptions = {}): Promise<string> {
    return textOf(command, await this.run(command, options));
  }

  /** Waits until the shell answers, logging in if need be. @throws as `logIn`, `shell.no-answer` */
  async ready(options: WaitOptions = {}): Promise<void> {
    await this.#inTurn(options, (limits) => this.#ready(limits));
  }

  async #ready(limits: LoginOptions): Promise<void> {
    const { engine, access } = this.#options;
    if (this.#readyEpoch === engine.epoch && !this.#disturbed) return;
    if (this.#readyEpoch !== engine.epoch) {
      this.#disturbed = false;
      await logIn(engine, { access, options: limits });
    }
    for (let attempt = 0; ; attempt += 1) {
      const stuck = this.#disturbed || attempt >= patientProbes;
      if (attempt > 0 || stuck) await this.#wake(limits, { stuck });
      const waitMs = Math.min(probeMs * 2 ** attempt, maxProbeMs);
      const last = waitMs >= limits.leftMs();
      if (await this.#probe(limits, { waitMs: last ? limits.leftMs() : waitMs, last })) break;
    }
    this.#readyEpoch = engine.epoch;
    this.#disturbed = false;
  }

  /** Asks for a fresh prompt, ending what is running or half typed if the shell is stuck, and logs in again if that has brought the login prompt back. */
  async #wake(limits: LoginOptions, { stuck }: { stuck: boolean }): Promise<void> {
    const { engine, access } = this.#options;
    const { prompt, login } = access.signatures;
    if (!prompt) return;
    const patterns = [patternOf(prompt), ...(login ? [patternOf(login)] : [])];
    const mark = engine.mark();
    if (stuck) await engine.type(interrupt, { signal: limits.signal });
    await engine.type('\n', { signal: limits.signal });
    const timeoutMs = Math.min(probeMs, limits.leftMs());
    await engine.expect(patterns, { since: mark, timeoutMs, signal: limits.signal }).catch(unlessTimeout);
    if (atLogin(engine, login)) await answerLogin(engine, { access, patterns, options: limits });
  }

  /** Defines our functions and awaits their answer; input that came too early for the shell is lost, so this may be tried again. */
  async #probe(limits: LoginOptions, { waitMs, last }: { waitMs: number; last: boolean }): Promise<boolean> {
    const { engine } = this.#options;
    const id = nonce();
    const mark = engine.mark();
    await engine.type(setUpLine(id), { signal: limits.signal, shown: '(shell probe)\n' });
    try {
      await engine.expect(answerTo(id), { since: mark, timeoutMs: waitMs, signal: limits.signal });
      return true;
    } catch (error) {
      if (last && isTimeout(error)) throw noAnswer(error);
      return unlessTimeout(error);
    }
  }

  async #frame(
    command: string,
    limits: LoginOptions,
    { id, lines }: { id: string; lines: readonly string[] },
  ): Promise<ShellResult> {
    const { engine } = this.#options;
    const shown = `${command}\n`;
    using suspicion = engine.suspect();
    this.#disturbed = true;
    for (const [index, line] of lines.slice(0, -1).entries()) {
      const mark = engine.mark();
      await engine.type(line, { signal: limits.signal, shown: index === 0 ? shown : '' });
      const answer = answerTo(`${id}${index}`);
      await engine.expect(answer, { since: mark, timeoutMs: limits.leftMs(), signal: limits.signal });
    }
    const action = `Cannot see the end of the command ${JSON.stringify(brief(command))}`;
    const timeoutMs = limits.leftMs() * engine.scale;
    const wait = engine.watch<ShellResult>({
      action,
      code: 'shell.timeout',
      timeoutMs,
      signal: limits.signal,
    });
    const mark = engine.mark();
    const reader = new FrameReader(id, { lastStamp: () => lastStamp(engine.textBefore(mark, 8192)) });
    using _tap = engine.onBytes((chunk) => {
      try {
        const result = reader.push(chunk);
        if (result) wait.settle(result);
      } catch (error) {
        wait.fail(error);
      }
    });
    const begun = setTimeout(() => {
      if (!reader.begun) wait.fail(notBegun(command));
    }, beginMs * engine.scale);
    try {
      engine
        .type(lines.at(-1) ?? '', { signal: limits.signal, shown: lines.length > 1 ? '' : shown })
        .catch((error) => wait.fail(error));
      const result = await wait.answer;
      this.#disturbed = false;
      suspicion.clear();
      return result;
    } catch (error) {
      // The command may still run: it is ended now, and whether the shell answers is found out before the next one.
      if (isTimeout(error)) await engine.type(interrupt).catch(() => undefined);
      throw error;
    } finally {
      clearTimeout(begun);
    }
  }

  /** One command after the other; the time for a command begins when it is asked for. */
  #inTurn<T>(options: WaitOptions, body: (limits: LoginOptions) => Promise<T>): Promise<T> {
    const end = performance.now() + (options.timeoutMs ?? defaultTimeoutMs) * this.#options.engine.scale;
    const signals = [options.signal, this.#options.abortSignal?.()].filter((signal) => signal !== undefined);
    const limits: LoginOptions = {
      signal: signals.length > 1 ? AbortSignal.any(signals) : (signals[0] ?? noSignal),
      leftMs: () => Math.max(1, (end - performance.now()) / this.#options.engine.scale),
    };
    const turn = this.#last.then(() => {
      limits.signal.throwIfAborted();
      return body(limits);
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

/** 48 random bits in 8 characters: on a slow line each one counts. */
function nonce(): string {
  return randomBytes(6).toString('base64url').replaceAll('-', 'Z').replaceAll('_', 'z');
}

function brief(command: string): string {
  return command.length > 200 ? `${command.slice(0, 200)}…` : command;
}

function isTimeout(error: unknown): error is RigError {
  return error instanceof RigError && (error.code === 'console.timeout' || error.code.startsWith('shell.'));
}

function unlessTimeout(error: unknown): false {
  if (isTimeout(error)) return false;
  throw error;
}

function noAnswer(cause: RigError): RigError {
  return new RigError(`No shell answers. ${cause.message}`, {
    code: 'shell.no-answer',
    blame: cause.blame,
    hint: cause.hint,
    cause,
    evidence: cause.evidence,
  });
}

function notBegun(command: string): RigError {
  return new RigError(`The console's shell did not begin the command ${JSON.stringify(brief(command))}`, {
    code: 'shell.no-answer',
    blame: 'board',
    hint: 'Did something replace or leave the shell (exec, exit)? The next command looks for it anew.',
  });
}
