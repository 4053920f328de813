import { createHash } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import type { Holder } from '../../contracts/session.js';
import { abortable, pause } from '../../lifetime/abortable.js';
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

/** A holder that was stopped (SIGSTOP) accepts connections but says nothing. */
const answerMs = 2_000;
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
  const address = lockAddress(name, roots);
  const end = options.waitMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + options.waitMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const server = await tryListen(address, holder);
    if (server) {
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
          await closeLock(server);
        },
      };
    }
    const other = await visit(address, options.signal);
    if (!other) {
      await pause(retryMs, { signal: options.signal });
      continue;
    }
    await waitFor(other, { ...options, name, places, withinMs: end - performance.now() });
  }
}

/** Until the holder that was met has gone. @throws RigError `session.busy` when it still has the board; the signal's reason */
async function waitFor(
  other: Visit,
  { name, places, withinMs, ...options }: AcquireOptions & WaitOptions,
): Promise<void> {
  using connection = other;
  const present = connection.holder ?? readHolder(places.holder);
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
  using connection = await visit(lockAddress(name, options.roots), options.signal);
  if (!connection) return true;
  return connection.gone(options.withinMs ?? Number.POSITIVE_INFINITY, options.signal);
}

/** Who has the board now; undefined when nobody has. */
export async function boardHolder(
  name: string,
  options: Cancellable & { readonly roots?: SessionRoots | undefined } = {},
): Promise<Holder | undefined> {
  const roots = options.roots ?? sessionRoots();
  using connection = await visit(lockAddress(name, roots), options.signal);
  return connection && (connection.holder ?? readHolder(boardPlaces(name, roots).holder) ?? unreadableHolder);
}

const unreadableHolder: Holder = {
  pid: 0,
  command: 'an unknown command',
  user: '?',
  host: '?',
  since: '?',
};

/** Abstract names have no owner, so the name is tied to the user and the (private) runtime folder. */
export function lockAddress(name: string, roots: SessionRoots): string {
  const place = createHash('sha256').update(`${roots.runtime}\0${name}`).digest('hex').slice(0, 24);
  return `\0boardrig-${process.getuid?.() ?? 0}-${place}-${name.slice(0, 32)}`;
}

const visitors = new WeakMap<Server, Set<Socket>>();

function tryListen(address: string, holder: Holder): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const open = new Set<Socket>();
    const server = createServer((visitor) => {
      open.add(visitor);
      visitor.unref();
      visitor.on('error', () => visitor.destroy());
      visitor.on('close', () => open.delete(visitor));
      visitor.resume();
      visitor.write(`${JSON.stringify(holder)}\n`);
    });
    visitors.set(server, open);
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') return resolve(undefined);
      reject(
        new RigError(`Cannot take the lock of a board: ${error.message}`, {
          code: 'session.lock',
          blame: 'rig',
          hint: 'Locks need Linux and its abstract unix sockets.',
          cause: error,
        }),
      );
    });
    server.listen({ path: address }, () => {
      // The lock alone must not keep a process alive that has nothing else to do.
      server.unref();
      resolve(server);
    });
  });
}

function closeLock(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const visitor of visitors.get(server) ?? []) visitor.destroy();
  });
}

interface Visit extends Disposable {
  readonly holder: Holder | undefined;
  /** @returns false when the time was over first */
  gone(withinMs: number, signal: AbortSignal | undefined): Promise<boolean>;
}

/** @returns undefined when nobody holds the lock any more */
function visit(address: string, signal: AbortSignal | undefined): Promise<Visit | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: address });
    let text = '';
    let connected = false;
    const closed = new Promise<void>((done) => socket.once('close', () => done()));
    const onAbort = (): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(signal?.reason);
    };
    const arrive = (holder: Holder | undefined): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.resume();
      resolve({
        holder,
        gone: (withinMs, abort) => within(closed, { ms: withinMs, signal: abort }),
        [Symbol.dispose]: () => socket.destroy(),
      });
    };
    const timer = setTimeout(() => arrive(undefined), answerMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => {
      connected = true;
    });
    socket.on('error', () => socket.destroy());
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      if (text.length > 65_536) return;
      text += chunk;
      if (text.includes('\n')) arrive(parseHolder(text));
    });
    void closed.then(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      // Closed before it said who it was: it has just gone. A stranger who refuses us is never connected.
      if (!connected || !text.includes('\n')) resolve(undefined);
    });
  });
}

/** @returns false when the time was over before the event */
async function within(
  event: Promise<void>,
  { ms, signal }: { ms: number; signal: AbortSignal | undefined },
): Promise<boolean> {
  if (!Number.isFinite(ms)) return abortable(event.then(yes), { signal });
  const over = new AbortController();
  const timer = pause(Math.max(0, ms), { signal: over.signal }).then(no, no);
  try {
    return await abortable(Promise.race([event.then(yes), timer]), { signal });
  } finally {
    over.abort();
  }
}

function yes(): true {
  return true;
}

function no(): false {
  return false;
}
