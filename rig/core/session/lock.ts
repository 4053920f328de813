import { existsSync, rmSync, writeFileSync } from 'node:fs';
import type { Cancellable } from '../../contracts/capabilities.js';
import type { Holder } from '../../contracts/session.js';
import { pause } from '../../lifetime/abortable.js';
import { type LockVisit, lockAddress, tryLock, visitLock } from '../../lifetime/named-lock.js';
import { type BoardPlaces, boardPlaces, ensurePlaces, type SessionRoots, sessionRoots } from './directory.js';
import { busyError, parseHolder, readHolder } from './holder.js';

export interface AcquireOptions extends Cancellable {
  /** Wait until the holder has gone, however long, instead of failing. */
  readonly wait?: boolean | undefined;
  /** Wait at most this long. */
  readonly waitMs?: number | undefined;
  readonly roots?: SessionRoots | undefined;
  /** Called each time that waiting for a holder begins. */
  readonly onWait?: ((holder: Holder | undefined) => void) | undefined;
}

/** The right to drive a board. It ends with `dispose`, and by the kernel's hand when the process dies. */
export interface BoardLock extends AsyncDisposable {
  readonly holder: Holder;
  /** Who had the board and died without giving it back, if anybody. */
  readonly recovered: Holder | undefined;
}

const retryMs = 5;

/**
 * Takes the board for this process. The lock is a listening socket in the abstract namespace (unix(7)): binding is
 * atomic, and the kernel frees the name when the process ends in any way. Whoever connects is told the holder, and
 * sees the connection close when the holder goes. The holder file is for people and to notice a crash.
 *
 * @throws RigError `session.busy`; the signal's reason
 */
export async function acquireBoard(
  name: string,
  holder: Holder,
  options: AcquireOptions = {},
): Promise<BoardLock> {
  const roots = options.roots ?? sessionRoots();
  const places = boardPlaces(name, roots);
  ensurePlaces(places, roots);
  const address = addressOf(name, roots);
  const end = options.waitMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + options.waitMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const lock = await tryLock(address, JSON.stringify(holder));
    if (lock) {
      const recovered = existsSync(places.holder)
        ? (readHolder(places.holder) ?? unreadableHolder)
        : undefined;
      writeFileSync(places.holder, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
      return {
        holder,
        recovered,
        async [Symbol.asyncDispose]() {
          // The file goes first: whoever takes the freed name must not find it and speak of a crash.
          rmSync(places.holder, { force: true });
          await lock[Symbol.asyncDispose]();
        },
      };
    }
    const other = await visitLock(address, options.signal);
    if (!other) {
      await pause(retryMs, { signal: options.signal });
      continue;
    }
    await waitFor(other, { ...options, name, places, withinMs: end - performance.now() });
  }
}

/** Until the holder that was met has gone. @throws RigError `session.busy` when it still has the board; the signal's reason */
async function waitFor(
  other: LockVisit,
  { name, places, withinMs, ...options }: AcquireOptions & WaitOptions,
): Promise<void> {
  using connection = other;
  const present = holderOf(connection) ?? readHolder(places.holder);
  if (!options.wait && options.waitMs === undefined) throw busyError(name, present);
  options.onWait?.(present);
  if (!(await connection.gone(withinMs, options.signal))) throw busyError(name, present);
}

interface WaitOptions {
  readonly name: string;
  readonly places: BoardPlaces;
  readonly withinMs: number;
}

/**
 * Waits for the holder of a board to go, without taking the board.
 *
 * @returns false when it still holds it after `withinMs`; without that it waits as long as it takes
 */
export async function holderGone(
  name: string,
  options: Cancellable & { readonly roots: SessionRoots; readonly withinMs: number | undefined },
): Promise<boolean> {
  using connection = await visitLock(addressOf(name, options.roots), options.signal);
  if (!connection) return true;
  return connection.gone(options.withinMs ?? Number.POSITIVE_INFINITY, options.signal);
}

/** Who has the board now; undefined when nobody has. */
export async function boardHolder(
  name: string,
  options: Cancellable & { readonly roots?: SessionRoots | undefined } = {},
): Promise<Holder | undefined> {
  const roots = options.roots ?? sessionRoots();
  using connection = await visitLock(addressOf(name, roots), options.signal);
  return (
    connection && (holderOf(connection) ?? readHolder(boardPlaces(name, roots).holder) ?? unreadableHolder)
  );
}

function holderOf({ greeting }: LockVisit): Holder | undefined {
  return greeting === undefined ? undefined : parseHolder(greeting);
}

const unreadableHolder: Holder = {
  pid: 0,
  command: 'an unknown command',
  user: '?',
  host: '?',
  since: '?',
};

/** Tied to the runtime folder, which is private. */
function addressOf(name: string, roots: SessionRoots): string {
  return lockAddress(`${roots.runtime}\0${name}`, name);
}
