import type { Cancellable } from '../contracts/capabilities.js';
import { type Blame, RigError } from '../contracts/errors.js';
import { type ChildOptions, startChild } from './child-process.js';
import { Deadline } from './deadline.js';

export interface RunProgramOptions extends Cancellable, Omit<ChildOptions, 'args' | 'sockets' | 'stdin'> {
  readonly timeoutMs?: number;
  readonly input?: string | Uint8Array;
  /** Exit codes that are no error; default 0 alone. */
  readonly allowedCodes?: readonly number[];
  readonly blame?: Blame;
  readonly hint?: string;
}

export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end, bound to our lifetime; aborting or the time-out kills it.
 *
 * @throws RigError `process.failed` with the last lines of its standard error, `process.missing`, `lifetime.timeout`;
 * the signal's reason
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: RunProgramOptions = {},
): Promise<ProgramResult> {
  using deadline = new Deadline({
    timeoutMs: options.timeoutMs,
    signal: options.signal,
    what: `${program} to end`,
  });
  deadline.throwIfOver();
  const child = await startChild(program, {
    ...options,
    args,
    stdin: options.input === undefined ? 'ignore' : 'pipe',
  });
  // A program that ends before it read its input is judged by its exit code, not by the broken pipe.
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input);
  try {
    const { code, signal } = await deadline.race(child.ended);
    if (code !== null && (options.allowedCodes ?? [0]).includes(code))
      return { code, stdout: child.stdout.text(), stderr: child.stderr.text() };
    const said = child.stderr.lastLines(5).join('\n');
    throw new RigError(
      `${program} ended with ${signal ?? `exit code ${code}`}${said === '' ? '' : `: ${said}`}`,
      {
        code: 'process.failed',
        blame: options.blame ?? 'rig',
        hint: options.hint ?? 'Run the same command by hand to see the whole output.',
        evidence: { command: [program, ...args], exitCode: code, signal, stderr: said },
      },
    );
  } finally {
    if (!child.end) {
      child.kill('SIGKILL');
      await child.ended;
    }
  }
}
