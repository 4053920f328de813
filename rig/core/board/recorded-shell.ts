import { RigError, toErrorRecord } from '../../contracts/errors.js';
import type { Shell, ShellResult, SshLogin, WaitOptions } from '../../contracts/suite.js';
import { textOf } from '../shell-text.js';
import type { Circuit } from './circuit.js';

export interface RecordedShellOptions {
  readonly via: 'ssh' | 'console';
  readonly shell: Shell;
  /** A replay's output is in the record already, or nowhere. */
  readonly withOutput: boolean;
}

/** A Shell that tells of every command that it ran. */
export function recordedShell(circuit: Circuit, { via, shell, withOutput }: RecordedShellOptions): Shell {
  const run = async (command: string, options?: WaitOptions): Promise<ShellResult> => {
    const question = ask(circuit);
    try {
      const result = await shell.run(command, options);
      const output = withOutput ? outputOf(result) : {};
      circuit.tell({ type: 'shell', via, command, exitCode: result.exitCode, ...question.took(), ...output });
      return result;
    } catch (error) {
      const why = { exitCode: null, error: toErrorRecord(error) };
      circuit.tell({ type: 'shell', via, command, ...question.took(), ...why });
      throw error;
    }
  };
  return { run, text: async (command, options) => textOf(command, await run(command, options)) };
}

/** Tells whether the ssh server let its user in, or that it did not answer. */
export async function recordedLogin(
  circuit: Circuit,
  method: SshLogin['method'],
  login: () => Promise<boolean>,
): Promise<boolean> {
  const question = ask(circuit);
  try {
    const accepted = await login();
    circuit.tell({ type: 'ssh.login', method, accepted, ...question.took() });
    return accepted;
  } catch (error) {
    const why = { accepted: null, error: toErrorRecord(error) };
    circuit.tell({ type: 'ssh.login', method, ...question.took(), ...why });
    throw error;
  }
}

function outputOf({ stdout, stderr }: ShellResult): { stdout: string; stderr?: string } {
  return { stdout, ...(stderr === '' ? {} : { stderr }) };
}

function ask(circuit: Circuit): { took(): { readonly call: number; readonly ms: number } } {
  const began = performance.now();
  const call = circuit.asked();
  return { took: () => ({ call, ms: Math.round(performance.now() - began) }) };
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
