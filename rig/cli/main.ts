#!/usr/bin/env node
import { constants } from 'node:os';
import { Command } from 'commander';
import { packageVersion } from '../config/package.js';
import { exitCodes } from '../contracts/verdict.js';
import { SecretMask } from '../record/secrets.js';
import type { CommandIo } from './command.js';
import { grammar } from './grammar.js';
import { reportError } from './print-error.js';

const { exit } = process;
/** What is still open so long after the command is done does not close by itself. */
const leftOpenMs = 2_000;
const abort = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    // A second signal of the same kind means that the person no longer wants to wait for the clean-up.
    if (abort.signal.aborted) exit(128 + constants.signals[name]);
    abort.abort(name);
  });
}

// Whoever read our output is gone (`rig logs -f BOARD | head`): end as on a signal, with the boards off, not by an uncaught error.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (!abort.signal.aborted) abort.abort('SIGPIPE');
  });

const secrets = new SecretMask();

const io: CommandIo = {
  out: (text) => void process.stdout.write(secrets.maskText(text)),
  err: (text) => void process.stderr.write(secrets.maskText(text)),
  hide: (values) => {
    for (const value of values) secrets.register(value);
  },
  terminal: process.stdout.isTTY === true && process.stdin.isTTY === true,
  env: process.env,
  cwd: process.cwd(),
  signal: abort.signal,
};

// A suite whose top level waits for ever leaves Node nothing to do, and it would end without a word.
const onEarlyExit = (): void => {
  io.err('rig: Ended before the command was done: something was awaited that can never come\n');
  io.err('     Look for an await at the top level of a suite, or for a promise that nothing settles.\n');
  process.exitCode = exitCodes.rigFailed;
};
process.on('exit', onEarlyExit);
const exitCode = await main(process.argv);
process.off('exit', onEarlyExit);
process.exitCode = exitCode;
// A timer, server or connection that a suite left open would keep the process, and with it a CI job, for ever.
setTimeout(() => {
  io.err('rig: Something was left open, a timer or a connection of a suite perhaps; ended all the same\n');
  exit(exitCode);
}, leftOpenMs).unref();

async function main(argv: readonly string[]): Promise<number> {
  const separator = argv.indexOf('--');
  const rest = separator < 0 ? [] : argv.slice(separator + 1);
  const words = separator < 0 ? argv : argv.slice(0, separator);
  let exitCode = 0;
  const program = new Command('rig')
    .description('Drives a board, virtual or real: provisions an image, boots it, asserts what it does.')
    .version(packageVersion())
    .option('--debug', 'print stack traces')
    .showHelpAfterError('(rig --help lists the commands)')
    .showSuggestionAfterError(true)
    .exitOverride();
  for (const entry of grammar) {
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
      exitCode = await (await entry.load()).run({ args, options, rest }, io);
    });
  }
  try {
    await program.parseAsync(words);
    return exitCode;
  } catch (error) {
    return reportError(error, { debug: argv.includes('--debug'), io });
  }
}

function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** `image build <flavour>` into its words and the rest. */
function splitUsage(usage: string): [words: string[], args: string] {
  const [, words = '', args = ''] = /^((?:[a-z][a-z-]* ?)+)(.*)$/.exec(usage) ?? [];
  return [words.trim().split(' '), args === '' ? '' : ` ${args}`];
}
