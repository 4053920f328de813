import { RigError } from '../contracts/errors.js';
import type { ShellResult } from '../contracts/suite.js';

/**
 * Standard output of a command that must have succeeded, without trailing newlines.
 *
 * @throws RigError `shell.nonzero-exit` (blame: board) unless the exit code is 0
 */
export function textOf(command: string, result: ShellResult): string {
  if (result.exitCode === 0) return result.stdout.replace(/\n+$/, '');
  const said = (result.stderr || result.stdout).trim().split('\n').slice(-3).join(' | ');
  throw new RigError(`Command ${JSON.stringify(command)} ended with exit code ${result.exitCode}: ${said}`, {
    code: 'shell.nonzero-exit',
    blame: 'board',
    hint: 'Use shell.run() where an exit code other than 0 is an answer.',
    evidence: { exitCode: result.exitCode },
  });
}

/** `text` as one word of a POSIX shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
