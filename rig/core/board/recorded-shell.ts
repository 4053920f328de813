import { RigError } from '../../contracts/errors.js';
import type { Shell, ShellResult, WaitOptions } from '../../contracts/suite.js';
import { textOf } from '../shell-text.js';

/** One command that was answered or not, for the event log. */
export interface ShellCall {
  readonly command: string;
  readonly exitCode: number | null;
  readonly ms: number;
}

/** A Shell that tells of every command it ran. */
export class RecordedShell implements Shell {
  readonly #shell: Shell;
  readonly #record: (call: ShellCall) => void;

  constructor(shell: Shell, record: (call: ShellCall) => void) {
    this.#shell = shell;
    this.#record = record;
  }

  async run(command: string, options?: WaitOptions): Promise<ShellResult> {
    const began = performance.now();
    let exitCode: number | null = null;
    try {
      const result = await this.#shell.run(command, options);
      exitCode = result.exitCode;
      return result;
    } finally {
      this.#record({ command, exitCode, ms: Math.round(performance.now() - began) });
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
