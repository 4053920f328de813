import { join } from 'node:path';
import type { Test } from 'tap';
import { type Ended, World } from '../e2e/world.js';

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

  /** The command ends so, says so for programs and for people, and never that it went well. */
  async fails(t: Test, args: string[], code: string, exitCode: number): Promise<void> {
    const { ended, last } = await this.flash(...args);
    t.match(last, { event: 'failed', error: { code } }, `${args.join(' ')}: ${code}`);
    t.equal(ended.code, exitCode, `exit code ${exitCode}`);
    t.match(ended.stderr, /^rig: .+\n {5}\S/m, 'a sentence and a hint');
  }
}
