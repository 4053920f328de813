import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Test } from 'tap';
import { packageRoot } from '../../rig/config/package.js';
import { type Ended, World } from '../e2e/world.js';

const main = join(packageRoot, 'dist', 'rig', 'cli', 'main.js');

const typist = `
import os, pty, re, subprocess, sys
keys, meanwhile, command = sys.argv[1], sys.argv[2], sys.argv[3:]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
said = b''
while True:
    try:
        said += os.read(fd, 4096)
    except OSError:
        break
    if keys and re.search(rb'(\\(y/N\\)|will be lost\\)\\?) ', said):
        subprocess.run(meanwhile, shell=True, check=True)
        os.write(fd, keys.encode())
        keys = ''
sys.stdout.buffer.write(said)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

export interface Told {
  readonly ended: Ended;
  /** The last JSON line. */
  readonly last: {
    readonly event: string;
    readonly error?: { readonly code: string; readonly blame: string };
  };
  readonly lines: readonly { readonly event: string; readonly phase?: string }[];
}

/** `rig flash` as a program, in a folder of its own. */
export class FlashWorld extends World {
  at(name: string): string {
    return join(this.cwd, name);
  }

  async flash(...args: string[]): Promise<Told> {
    const ended = await this.rig(['flash', ...args, '--json']);
    const lines = ended.stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Told['last']);
    return { ended, lines, last: lines.at(-1) ?? { event: 'none' } };
  }

  /**
   * The command at a pseudo-terminal, on which `keys` are typed as soon as it asks.
   *
   * @param options `meanwhile`: what happens, as a command of the shell, while it waits for the answer
   */
  atTerminal(
    args: readonly string[],
    keys: string,
    {
      meanwhile = ':',
      env = {},
    }: { readonly meanwhile?: string; readonly env?: Readonly<Record<string, string>> } = {},
  ): { status: number | null; output: string } {
    const words = ['-c', typist, keys, meanwhile, process.execPath, main, ...args];
    const { status, stdout } = spawnSync('python3', words, {
      cwd: this.cwd,
      env: { ...process.env, XDG_RUNTIME_DIR: join(this.root, 'run'), TERM: 'xterm', ...env },
      encoding: 'utf8',
    });
    return { status, output: stdout };
  }

  /** The command ends so, says so for programs and for people, and never that it went well. */
  async fails(t: Test, args: string[], code: string, exitCode: number): Promise<void> {
    const { ended, last } = await this.flash(...args);
    t.match(last, { event: 'failed', error: { code } }, `${args.join(' ')}: ${code}`);
    t.equal(ended.code, exitCode, `exit code ${exitCode}`);
    t.match(ended.stderr, /^rig: .+\n {5}\S/m, 'a sentence and a hint');
  }
}
