import { createHash } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Cancellable } from '../contracts/capabilities.js';
import { RigError } from '../contracts/errors.js';
import { abortable, pause } from './abortable.js';

/** A stopped holder (SIGSTOP) accepts connections but says nothing. */
const answerMs = 2_000;
const retryMs = 5;

/**
 * The address of a lock. Abstract names have no owner, so the user is part of it.
 *
 * @param of what is locked: no other text gives the same address
 * @param label for whoever reads `ss -xl`; its first 32 characters
 */
export function lockAddress(of: string, label: string): string {
  const place = createHash('sha256').update(of).digest('hex').slice(0, 24);
  return `\0boardrig-${process.getuid?.() ?? 0}-${place}-${label.slice(0, 32)}`;
}

/**
 * Takes a lock of this machine: a listening socket in the abstract namespace (unix(7)). Binding is atomic, and the kernel frees
 * the name when the process ends in any way. Whoever connects is told `greeting`, one line, and sees the connection close when
 * the holder goes.
 *
 * @param address begins with a zero byte; at most 107 bytes follow
 * @returns undefined when somebody else has it
 */
export function tryLock(address: string, greeting: string): Promise<AsyncDisposable | undefined> {
  return new Promise((resolve, reject) => {
    const open = new Set<Socket>();
    const server = createServer((visitor) => {
      open.add(visitor);
      visitor.unref();
      visitor.on('error', () => visitor.destroy());
      visitor.on('close', () => open.delete(visitor));
      visitor.resume();
      visitor.write(`${greeting}\n`);
    });
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') return resolve(undefined);
      reject(
        new RigError(`Cannot take a lock: ${error.message}`, {
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
      resolve({ [Symbol.asyncDispose]: () => release(server, open) });
    });
  });
}

function release(server: Server, visitors: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const visitor of visitors) visitor.destroy();
  });
}

/** Takes the lock, however long others have it. @throws the signal's reason */
export async function takeLock(
  address: string,
  { greeting, signal }: Cancellable & { readonly greeting: string },
): Promise<AsyncDisposable> {
  for (;;) {
    signal?.throwIfAborted();
    const lock = await tryLock(address, greeting);
    if (lock) return lock;
    await othersTurn(address, signal);
  }
}

async function othersTurn(address: string, signal: AbortSignal | undefined): Promise<void> {
  using visit = await visitLock(address, signal);
  if (visit) await visit.gone(Number.POSITIVE_INFINITY, signal);
  else await pause(retryMs, { signal });
}

/** A look at a lock that somebody has. */
export interface LockVisit extends Disposable {
  /** Undefined when the holder says nothing. */
  readonly greeting: string | undefined;
  /** @returns false when the time was over first */
  gone(withinMs: number, signal: AbortSignal | undefined): Promise<boolean>;
}

/** @returns undefined when nobody holds the lock any more */
export function visitLock(address: string, signal: AbortSignal | undefined): Promise<LockVisit | undefined> {
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
    const arrive = (greeting: string | undefined): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.resume();
      resolve({
        greeting,
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
      if (text.includes('\n')) arrive(text);
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
