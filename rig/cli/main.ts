#!/usr/bin/env node
import { constants } from 'node:os';
import { exitCodes } from '../contracts/verdict.js';
import { SecretMask } from '../record/secrets.js';
import type { CommandIo } from './command.js';
import { grammar } from './grammar.js';
import { reportError } from './print-error.js';
import { programOf } from './program.js';

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
  const program = programOf(grammar, async (entry, { args, options }) => {
    exitCode = await (await entry.load()).run({ args, options, rest }, io);
  });
  try {
    await program.parseAsync(words);
    return exitCode;
  } catch (error) {
    return reportError(error, { debug: argv.includes('--debug'), io });
  }
}
