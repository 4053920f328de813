import { toErrorRecord } from '../../contracts/errors.js';
import type { OpenDevices } from './assemble.js';
import type { HostAnswer, HostOrder } from './daemon.js';
import { thisHolder } from './holder.js';
import { LocalSession } from './local.js';

/**
 * The life of the background process behind `rig up`: opens the session that its parent orders, says whether that
 * went well, and keeps it until somebody ends it, nobody was attached for the idle limit, or a signal comes. The board
 * is off when it returns.
 */
export async function hostSession(openDevices: OpenDevices): Promise<void> {
  const life = new AbortController();
  const end = (reason: string): void => life.abort(new Error(reason));
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => end(name));
  const order = await orderFromParent(life.signal);
  // Until it is ready it belongs to who started it, and goes with it.
  const orphaned = (): void => end('its parent ended');
  process.once('disconnect', orphaned);
  const idle = new IdleLimit(order.idleMs, () => end(`nobody was attached for ${order.idleMs / 1_000} s`));
  let session: LocalSession;
  try {
    session = await LocalSession.open(order.board, {
      holder: thisHolder(order.command),
      openDevices,
      secrets: order.secrets,
      roots: order.roots,
      signal: life.signal,
      kind: 'background',
      idleMs: order.idleMs,
      onStop: end,
      onClients: (count) => idle.clients(count),
    });
  } catch (error) {
    await answer({ ready: false, error: toErrorRecord(error) });
    return;
  }
  try {
    process.off('disconnect', orphaned);
    await answer({ ready: true });
    idle.start();
    await aborted(life.signal);
  } finally {
    idle.end();
    await session[Symbol.asyncDispose]();
  }
}

/** Counts from the last client's leaving. */
class IdleLimit {
  readonly #ms: number;
  readonly #over: () => void;
  #timer: NodeJS.Timeout | undefined;
  #clients = 0;
  #ended = false;

  constructor(ms: number, over: () => void) {
    this.#ms = ms;
    this.#over = over;
  }

  clients(count: number): void {
    this.#clients = count;
    this.start();
  }

  start(): void {
    clearTimeout(this.#timer);
    if (this.#clients === 0 && !this.#ended)
      this.#timer = setTimeout(this.#over, Math.min(this.#ms, 2_147_483_647));
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }
}

function orderFromParent(signal: AbortSignal): Promise<HostOrder> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    if (!process.connected) return reject(new Error('This process is started by rig up, not by hand.'));
    process.once('message', (message) => resolve(message as HostOrder));
  });
}

/** A parent that no longer listens is no reason not to go on. */
function answer(message: HostAnswer): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || !process.send) return resolve();
    process.send(message, () => {
      if (process.connected) process.disconnect();
      resolve();
    });
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    // A pending promise keeps no process alive; the console line or the server's socket do, this makes sure.
    const alive = setInterval(() => {}, 3_600_000);
    signal.addEventListener(
      'abort',
      () => {
        clearInterval(alive);
        resolve();
      },
      { once: true },
    );
  });
}
