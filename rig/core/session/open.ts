import type { BoardConfig } from '../../contracts/board.js';
import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import type { Holder } from '../../contracts/session.js';
import type { OpenDevices } from './assemble.js';
import { AttachedSession } from './attached.js';
import { SessionClient } from './client.js';
import { startDaemon } from './daemon.js';
import { boardPlaces, type SessionRoots, sessionRoots } from './directory.js';
import { describeHolder, thisHolder } from './holder.js';
import { LocalSession } from './local.js';
import { holderGone } from './lock.js';
import { sessionAnswers } from './server.js';

export interface ObtainOptions extends Cancellable {
  /** What the others are told that this process does: `rig run boot`. */
  readonly purpose: string;
  /** Nobody else may change the board meanwhile; default false. */
  readonly exclusive?: boolean | undefined;
  /** Wait for a board that somebody else has. */
  readonly wait?: boolean | undefined;
  /** Called each time that waiting for somebody begins. */
  readonly onWait?: ((holder: Holder | undefined) => void) | undefined;
  /** Values that must not stand in the session's own console log. */
  readonly secrets?: readonly string[] | undefined;
  readonly roots?: SessionRoots | undefined;
}

export interface OpenOptions extends ObtainOptions {
  readonly openDevices: OpenDevices;
}

export interface BackgroundOptions extends ObtainOptions {
  /** Module that the background process runs: it must call `hostSession`. */
  readonly entry: string;
  readonly idleMs: number;
}

/**
 * The session of `board`: the one that is there, or a new one in this process that others can attach to.
 *
 * @throws RigError `session.busy`, `session.other-definition`, what a driver throws; the signal's reason
 */
export async function openSession(
  board: BoardConfig,
  options: OpenOptions,
): Promise<LocalSession | AttachedSession> {
  const { openDevices, exclusive, secrets, signal, roots } = options;
  const holder = thisHolder(options.purpose);
  return obtain(board, options, () =>
    LocalSession.open(board, { holder, openDevices, exclusive, secrets, signal, roots }),
  );
}

/**
 * The session of `board`: the one that is there, or a new one in a background process that outlives this one.
 *
 * @returns `started` when there was none
 * @throws RigError as `openSession`, and `session.host-died`
 */
export async function openBackground(
  board: BoardConfig,
  options: BackgroundOptions,
): Promise<{ session: AttachedSession; started: boolean }> {
  const { purpose, entry, idleMs, secrets, signal, roots } = options;
  let started = false;
  const session = await obtain<never>(board, options, async () => {
    await startDaemon(board, { entry, command: purpose, idleMs, secrets, signal, roots });
    started = true;
    return undefined;
  });
  return { session, started };
}

/**
 * A session of its own in a background process, never one that is there already.
 *
 * @throws RigError `session.busy` when the name is taken; as `openBackground`
 */
export async function startBackground(
  board: BoardConfig,
  { purpose, entry, idleMs, secrets, signal, roots }: BackgroundOptions,
): Promise<AttachedSession> {
  await startDaemon(board, { entry, command: purpose, idleMs, secrets, signal, roots });
  const session = await attachSession(board.name, { purpose, signal, roots });
  if (!session) throw noSession(board.name);
  return session;
}

/** Attaches, or else creates; `create` that gives nothing has made a session to attach to. */
async function obtain<T>(
  board: BoardConfig,
  options: ObtainOptions,
  create: () => Promise<T | undefined>,
): Promise<T | AttachedSession> {
  const roots = options.roots ?? sessionRoots();
  for (;;) {
    const { purpose, signal } = options;
    const attached = await attachSession(board.name, { purpose, signal, roots });
    if (attached) {
      try {
        assertSameDefinition(board, attached);
        if (options.exclusive) await takeLease(attached, options);
        return attached;
      } catch (error) {
        await attached[Symbol.asyncDispose]();
        // Who had it ended while we waited: its board is free now.
        if (options.wait && isEnded(error)) continue;
        throw error;
      }
    }
    try {
      const created = await create();
      if (created) return created;
    } catch (error) {
      if (!isBusy(error)) throw error;
      await sessionOrFree(board.name, { busy: error, options, roots });
    }
  }
}

/**
 * The session that is there.
 *
 * @returns undefined when the board has none; one that is just ending is waited for, and is none
 * @throws RigError what kept a session that was just starting from it; the signal's reason
 */
export async function attachSession(
  name: string,
  options: Cancellable & { readonly purpose: string; readonly roots?: SessionRoots | undefined },
): Promise<AttachedSession | undefined> {
  const roots = options.roots ?? sessionRoots();
  const places = boardPlaces(name, roots);
  const holder = thisHolder(options.purpose);
  for (;;) {
    try {
      const client = await SessionClient.connect(places.socket, { holder, signal: options.signal });
      return client && new AttachedSession(client);
    } catch (error) {
      // It is just ending, which takes as long as powering off does. Nobody can use it any more.
      if (!isEnded(error)) throw error;
      if (!(await holderGone(name, { roots, withinMs: endingMs, signal: options.signal }))) throw error;
    }
  }
}

async function takeLease(session: AttachedSession, options: ObtainOptions): Promise<void> {
  const { leaseHolder } = session;
  if (options.wait && leaseHolder) options.onWait?.(leaseHolder);
  await session.takeLease({ wait: options.wait, signal: options.signal });
}

/** Between taking the lock and answering on its socket a session needs a moment; a lock without session stays busy. */
async function sessionOrFree(
  name: string,
  { busy, options, roots }: { busy: RigError; options: ObtainOptions; roots: SessionRoots },
): Promise<void> {
  const { socket } = boardPlaces(name, roots);
  const end = performance.now() + startingMs;
  while (!(await sessionAnswers(socket))) {
    const withinMs = performance.now() < end ? 50 : undefined;
    if (withinMs === undefined) {
      if (!options.wait) throw busy;
      options.onWait?.(undefined);
    }
    if (await holderGone(name, { roots, withinMs, signal: options.signal })) return;
  }
}

const startingMs = 2_000;
/** Longer than the power-off of an ending session may take. */
const endingMs = 45_000;

function assertSameDefinition(board: BoardConfig, session: AttachedSession): void {
  if (JSON.stringify(board) === JSON.stringify(session.board)) return;
  throw new RigError(
    `Board "${board.name}" has a session that was started with another definition than this lab file gives`,
    {
      code: 'session.other-definition',
      blame: 'config',
      hint: `End it (rig down ${board.name}) and start it anew, or give the lab file that it was started with.`,
    },
  );
}

export function noSession(name: string): RigError {
  return new RigError(`Board "${name}" has no session`, {
    code: 'session.none',
    blame: 'rig',
    hint: `Start one with: rig up ${name}`,
  });
}

export function isBusy(error: unknown): error is RigError {
  return error instanceof RigError && error.code === 'session.busy';
}

function isEnded(error: unknown): boolean {
  return error instanceof RigError && error.code === 'session.ended';
}

/** One line for a person who waits. */
export function waitingLine(name: string, holder: Holder | undefined): string {
  return `Waiting for board "${name}": ${holder ? describeHolder(holder) : 'somebody has it'}`;
}
