import { type ErrorRecord, RigError, toErrorRecord } from '../../contracts/errors.js';
import type { Shell, ShellResult, WaitOptions } from '../../contracts/suite.js';
import { textOf } from '../shell-text.js';

/** One command that was answered or not, for the event log. */
export interface ShellCall {
  readonly command: string;
  readonly exitCode: number | null;
  readonly ms: number;
  readonly call: number;
  readonly stdout?: string;
  readonly stderr?: string;
  /** Why there was no answer. */
  readonly error?: ErrorRecord;
}

/** Who is told. */
export interface ShellRecord {
  /** @returns the number of this call */
  asked(): number;
  answered(call: ShellCall): void;
}

/** A Shell that tells of every command it ran. */
export class RecordedShell implements Shell {
  readonly #shell: Shell;
  readonly #record: ShellRecord;

  constructor(shell: Shell, record: ShellRecord) {
    this.#shell = shell;
    this.#record = record;
  }

  async run(command: string, options?: WaitOptions): Promise<ShellResult> {
    const began = performance.now();
    const call = this.#record.asked();
    const took = (): { call: number; ms: number } => ({ call, ms: Math.round(performance.now() - began) });
    try {
      const result = await this.#shell.run(command, options);
      const { exitCode, stdout, stderr } = result;
      this.#record.answered({
        command,
        exitCode,
        ...took(),
        stdout,
        ...(stderr === '' ? {} : { stderr }),
      });
      return result;
    } catch (error) {
      this.#record.answered({ command, exitCode: null, ...took(), error: toErrorRecord(error) });
      throw error;
    }
  }

  async text(command: string, options?: WaitOptions): Promise<string> {
    return textOf(command, await this.run(command, options));
  }
}

/** A Shell that the board does not have. */
export class AbsentShell implements Shell {
  readonly #why: string;

  constructor(why: string) {
    this.#why = why;
  }

  async run(): Promise<ShellResult> {
    throw new RigError(this.#why, {
      code: 'shell.absent',
      blame: 'suite',
      hint: "Declare it: needs: ['shell'], or use board.shell, which takes the way that is there.",
    });
  }

  async text(): Promise<string> {
    return (await this.run()).stdout;
  }
}
