import type { Shell, WaitOptions } from '../../contracts/suite.js';
import { textOf } from '../shell-text.js';

const end = '@@boardrig-answer';

/**
 * What each of `commands` prints, without trailing newlines, asked in one round trip.
 *
 * @throws RigError `shell.nonzero-exit` (blame: board) for the first that does not exit with 0
 */
export async function askSeveral(
  shell: Shell,
  commands: readonly string[],
  options: WaitOptions,
): Promise<readonly string[]> {
  const line = commands.map((command) => `(\n${command}\n) 2>&1; echo "\n${end} $?"`).join('\n');
  const { stdout } = await shell.run(line, options);
  const answers = [...stdout.replaceAll('\r\n', '\n').matchAll(new RegExp(`([^]*?)\n${end} (\\d+)\n?`, 'g'))];
  return commands.map((command, index) => {
    const [, said = stdout, code = '255'] = answers[index] ?? [];
    return textOf(command, { exitCode: Number(code), stdout: said, stderr: '' });
  });
}
