import type { Shell } from '../../rig/mod.js';
import { unreadable } from './unreadable.js';

/** What one of several commands printed (both streams) and how it ended. */
export interface Section {
  readonly text: string;
  readonly exitCode: number;
}

const begin = '@@boardrig-begin';
const end = '@@boardrig-end';

/** One command line that runs each of `commands` in a shell of its own, whatever becomes of the others. */
export function joinCommands(commands: Readonly<Record<string, string>>): string {
  return Object.entries(commands)
    .map(([name, command]) => `echo '${begin} ${name}'\n(\n${command}\n) 2>&1\necho "\n${end} ${name} $?"`)
    .join('\n');
}

/** @throws RigError `facts.unreadable` unless every section is there, whole and once */
export function splitAnswer<Name extends string>(
  answer: string,
  names: readonly Name[],
): Readonly<Record<Name, Section>> {
  const found: Partial<Record<Name, Section>> = {};
  for (const name of names) {
    const head = `${begin} ${name}\n`;
    const from = answer.indexOf(head);
    const tail = new RegExp(`\\n${end} ${name} (\\d+)(?:\\n|$)`).exec(answer.slice(Math.max(0, from)));
    if (from < 0 || !tail) throw unreadable(`the section "${name}"`, answer.slice(-200), 'it is not whole');
    found[name] = {
      text: answer.slice(from + head.length, from + tail.index).replace(/\n$/, ''),
      exitCode: Number(tail[1]),
    };
  }
  return found as Readonly<Record<Name, Section>>;
}

/** Asks several things in one round trip: a command over ssh costs an emulated board 0.05 to 0.25 CPU seconds. */
export async function ask<Name extends string>(
  shell: Shell,
  commands: Readonly<Record<Name, string>>,
  options: { readonly timeoutMs?: number } = {},
): Promise<Readonly<Record<Name, Section>>> {
  const { stdout } = await shell.run(joinCommands(commands), options);
  return splitAnswer(stdout.replaceAll('\r\n', '\n'), Object.keys(commands) as Name[]);
}

/** Text as one word of a POSIX shell (2.2.2, single quotes). */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
