import { Command } from 'commander';
import { packageVersion } from '../config/package.js';
import type { CommandInput } from './command.js';
import type { CommandEntry } from './grammar.js';

/** Carries out a command whose words were understood. */
export type Act = (entry: CommandEntry, input: Pick<CommandInput, 'args' | 'options'>) => Promise<void>;

/** The command line of `entries`; it throws a `CommanderError` instead of ending the process. */
export function programOf(entries: readonly CommandEntry[], act: Act): Command {
  const program = new Command('rig')
    .description('Drives a board, virtual or real: provisions an image, boots it, asserts what it does.')
    .version(packageVersion())
    .option('--debug', 'print stack traces')
    .showHelpAfterError('(rig --help lists the commands)')
    .showSuggestionAfterError(true)
    .exitOverride();
  for (const entry of entries) {
    const [words, usage] = splitUsage(entry.usage);
    let parent = program;
    for (const word of words.slice(0, -1)) {
      parent =
        parent.commands.find((command) => command.name() === word) ??
        parent.command(word).description(`${word} commands`);
    }
    const command = parent
      .command(`${words.at(-1)}${usage}`, { isDefault: entry.isDefault === true })
      .description(entry.summary);
    for (const [flags, meaning, fallback] of entry.options ?? []) {
      if (fallback === 'repeatable') command.option(flags, meaning, collect);
      else command.option(flags, meaning, fallback === undefined ? undefined : String(fallback));
    }
    command.action(async (...received: unknown[]) => {
      const args = received.slice(0, -2) as (string | string[] | undefined)[];
      // An option that the command's parent has too (`powercut`, `powercut replay`) is found with the parent.
      const options = (received.at(-1) as Command).optsWithGlobals<Record<string, unknown>>();
      await act(entry, { args, options });
    });
  }
  return program;
}

function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** `image build <flavour>` into its words and the rest. */
function splitUsage(usage: string): [words: string[], args: string] {
  const [, words = '', args = ''] = /^((?:[a-z][a-z-]* ?)+)(.*)$/.exec(usage) ?? [];
  return [words.trim().split(' '), args === '' ? '' : ` ${args}`];
}
