import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { BoardConfig } from '../../contracts/board.js';
import type { Cancellable } from '../../contracts/capabilities.js';
import { type ErrorRecord, fromErrorRecord, RigError } from '../../contracts/errors.js';
import { boardPlaces, ensurePlaces, type SessionRoots, sessionRoots } from './directory.js';

/** What the background process is told, once, over its IPC channel. */
export interface HostOrder {
  readonly board: BoardConfig;
  readonly command: string;
  readonly idleMs: number;
  readonly secrets: readonly string[];
  readonly roots: SessionRoots;
}

/** What it answers, once. Then the channel is closed and it goes on alone. */
export type HostAnswer = { readonly ready: true } | { readonly ready: false; readonly error: ErrorRecord };

export interface StartOptions extends Cancellable {
  /** Module that the background process runs: it must call `hostSession`. */
  readonly entry: string;
  /** What others are told: `rig up`. */
  readonly command: string;
  /** The session ends when nobody was attached for so long. */
  readonly idleMs: number;
  /** Values that must not stand in the session's own console log. */
  readonly secrets?: readonly string[] | undefined;
  readonly roots?: SessionRoots | undefined;
}

/** Time for a start that was called off to undo itself. */
const undoMs = 35_000;

/**
 * Starts a session in a process of its own, which goes on when this one ends.
 *
 * @throws RigError what the session's start threw there, `session.host-died`; the signal's reason. Nothing is left of
 *   the attempt.
 */
export async function startDaemon(board: BoardConfig, options: StartOptions): Promise<{ pid: number }> {
  const { entry, command, idleMs, secrets = [], signal } = options;
  const roots = options.roots ?? sessionRoots();
  const places = boardPlaces(board.name, roots);
  ensurePlaces(places, roots);
  signal?.throwIfAborted();
  const log = openSync(places.hostLog, 'w', 0o600);
  const child = spawn(process.execPath, ['--enable-source-maps', entry, board.name], {
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, name) => resolve(name ? `by ${name}` : `with exit code ${code}`));
  });
  const answer = new Promise<HostAnswer>((resolve) => {
    child.once('message', (message) => resolve(message as HostAnswer));
  });
  const order: HostOrder = { board, command, idleMs, secrets, roots };
  child.send(order, () => {
    // A child that died before it was told is noticed by its exit.
  });
  const aborted = abortOf(signal);
  const first = await Promise.race([answer, aborted.promise, ended.then(died)]);
  aborted.forget();
  if (first === 'aborted') {
    child.kill('SIGTERM');
    await Promise.race([ended, atMost(undoMs)]);
    throw signal?.reason;
  }
  if (first === 'died') {
    throw new RigError(
      `The background process of board "${board.name}" ended ${await ended} before it was ready${lastWords(places.hostLog)}`,
      {
        code: 'session.host-died',
        blame: 'rig',
        hint: `What it wrote is in ${places.hostLog}.`,
      },
    );
  }
  if (!first.ready) {
    await Promise.race([ended, atMost(undoMs)]);
    throw fromErrorRecord(first.error);
  }
  if (child.connected) child.disconnect();
  child.unref();
  return { pid: child.pid ?? 0 };
}

function died(): 'died' {
  return 'died';
}

function abortOf(signal: AbortSignal | undefined): { promise: Promise<'aborted'>; forget(): void } {
  let forget = (): void => {};
  const promise = new Promise<'aborted'>((resolve) => {
    const onAbort = (): void => resolve('aborted');
    signal?.addEventListener('abort', onAbort, { once: true });
    forget = () => signal?.removeEventListener('abort', onAbort);
  });
  return { promise, forget: () => forget() };
}

function atMost(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}

function lastWords(file: string): string {
  const lines = readFileSync(file, 'utf8').trim().split('\n').slice(-3).join(' | ');
  return lines ? `: ${lines}` : '';
}
