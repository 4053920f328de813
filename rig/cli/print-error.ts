import { CommanderError } from 'commander';
import { visible } from '../../reports/visible.js';
import { RigError, toErrorRecord } from '../contracts/errors.js';
import { exitCodeOfBlame, exitCodeOfSignal, exitCodes } from '../contracts/verdict.js';
import type { CommandIo } from './command.js';

/** Prints what a person needs of `error` (never a stack trace, unless asked) and returns the exit code. */
export function reportError(error: unknown, { debug, io }: { debug: boolean; io: CommandIo }): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.passed : exitCodes.badInput;
  if (io.signal.aborted) return signalExitCode(io.signal);
  const record = toErrorRecord(error);
  // Messages quote devices: nothing in them may steer a terminal.
  const say = (text: string): void => io.err(visible(text));
  const place = record.place;
  const where = place
    ? `${[place.file, place.line, place.column].filter((part) => part !== undefined).join(':')}: `
    : '';
  say(`rig: ${where}${record.message}\n`);
  if (record.hint) say(`     ${record.hint}\n`);
  if (debug && record.stack) say(`${record.stack}\n`);
  else if (!(error instanceof RigError)) io.err('     Run it again with --debug for the stack trace.\n');
  if (debug) for (const cause of record.causes ?? []) say(`  caused by: ${cause}\n`);
  return exitCodeOfBlame(record.blame);
}

/** Of a command that was told to end: by the signal that is the reason. */
export function signalExitCode(signal: AbortSignal): number {
  return exitCodeOfSignal(String(signal.reason)) ?? exitCodes.sigterm;
}
