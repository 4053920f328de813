import { chmodSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { DeviceEvent } from '../../contracts/driver.js';
import { RigError, toErrorRecord } from '../../contracts/errors.js';
import type { BoardSession, Holder } from '../../contracts/session.js';
import { SerialQueue } from '../../lifetime/serial-queue.js';
import type { ConsoleHub } from './console-hub.js';
import { sessionEnded } from './ended.js';
import { busyError } from './holder.js';
import { Lease } from './lease.js';
import type { ServerMessage, SessionInfo } from './protocol.js';
import { toEventRecord } from './protocol.js';
import { ServerClient } from './server-client.js';

/** The session that a server gives to others, with what only its own process can do. */
export interface ServedSession extends BoardSession {
  readonly hub: ConsoleHub | undefined;
}

export interface ServerOptions {
  readonly board: string;
  readonly holder: Holder;
  readonly kind: SessionInfo['kind'];
  readonly idleMs?: number | undefined;
  /** A client asked for the end of the session. */
  onStop(reason: string): void;
  /** The number of clients changed. */
  onClients?(count: number): void;
}

/** Time for the last words to reach the clients. */
const farewellMs = 1_000;

/** Gives a session to other processes of this user, over a unix socket that only they can open. */
export class SessionServer implements AsyncDisposable {
  readonly options: ServerOptions;
  readonly lease: Lease;
  /** Rejects with what kept the session from starting. */
  readonly session: Promise<ServedSession>;
  readonly #server: Server;
  readonly #path: string;
  readonly #sockets = new Set<Socket>();
  readonly #clients = new Set<ServerClient>();
  readonly #turns = new SerialQueue();
  #ready!: { resolve(session: ServedSession): void; reject(error: unknown): void };
  #served: ServedSession | undefined;
  #medium = 'null';
  #stopped: RigError | undefined;
  #failure: RigError | undefined;

  private constructor(path: string, options: ServerOptions) {
    this.options = options;
    this.#path = path;
    this.lease = new Lease(options.board, (holder) =>
      this.#broadcast({ type: 'lease', holder: holder ?? null }),
    );
    this.session = new Promise((resolve, reject) => {
      this.#ready = { resolve, reject };
    });
    // Whoever waits for it hears of the failure; nobody has to.
    this.session.catch(() => {});
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Listens; the lock of the board must be held. Who connects waits until `serve` or `fail` is called. */
  static async listen(path: string, options: ServerOptions): Promise<SessionServer> {
    if (await sessionAnswers(path)) throw busyError(options.board, undefined);
    rmSync(path, { force: true });
    const server = new SessionServer(path, options);
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', (error) =>
        reject(
          new RigError(`Cannot open the session's socket ${path}: ${error.message}`, {
            code: 'session.socket',
            blame: 'rig',
            hint: 'Is its folder writable, and on a local file system?',
            cause: error,
          }),
        ),
      );
      server.#server.listen(path, resolve);
    });
    chmodSync(path, 0o600);
    return server;
  }

  serve(session: ServedSession): void {
    this.#served = session;
    session.onEvent((event) => this.#forward(event));
    this.#ready.resolve(session);
  }

  fail(error: unknown): void {
    this.#ready.reject(error);
  }

  /** The board could not be given back as it should: the clients are told with the end. */
  failed(error: RigError): void {
    this.#failure = error;
  }

  get stopped(): RigError | undefined {
    return this.#stopped;
  }

  info(session: ServedSession): SessionInfo {
    return {
      board: session.board,
      drivers: session.drivers,
      has: [...session.has],
      gives: [
        ...(Object.keys(session.capabilities) as (keyof typeof session.capabilities)[]),
        ...(session.console ? (['console'] as const) : []),
      ],
      medium: session.capabilities.storage?.state() ?? null,
      holder: this.options.holder,
      kind: this.options.kind,
      lease: this.lease.holder ?? null,
      clients: this.#clients.size,
      idleMs: this.options.idleMs ?? null,
    };
  }

  joined(client: ServerClient): void {
    this.#clients.add(client);
    this.options.onClients?.(this.#clients.size);
  }

  left(client: ServerClient): void {
    this.lease.release(client);
    if (this.#clients.delete(client)) this.options.onClients?.(this.#clients.size);
  }

  /** One change of the board at a time, in the order they were asked for. */
  inTurn<T>(signal: AbortSignal, act: () => Promise<T>): Promise<T> {
    return this.#turns.run(() => act().finally(() => this.tellMedium()), { signal });
  }

  /** Tells the clients when the medium is another than they know. */
  tellMedium(): void {
    const state = this.#served?.capabilities.storage?.state();
    if (!state || JSON.stringify(state) === this.#medium) return;
    this.#medium = JSON.stringify(state);
    this.#broadcast({ type: 'medium', state });
  }

  /** Refuses and aborts everything that clients ask; they still hear events and the console. */
  stopServing(reason: string): void {
    this.#stopped ??= sessionEnded(this.options.board, reason);
    for (const client of this.#clients) client.abort(this.#stopped);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopServing('its owner ended');
    this.#ready.reject(this.#stopped);
    this.#broadcast({
      type: 'end',
      reason: this.#stopped?.message ?? '',
      ...(this.#failure ? { failure: toErrorRecord(this.#failure) } : {}),
    });
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    rmSync(this.#path, { force: true });
    for (const socket of this.#sockets) socket.end();
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, farewellMs);
    await closed;
    clearTimeout(timer);
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    new ServerClient(socket, this);
  }

  #forward(event: DeviceEvent): void {
    this.tellMedium();
    this.#broadcast({ type: 'event', event: toEventRecord(event) });
  }

  #broadcast(message: ServerMessage): void {
    for (const client of this.#clients) client.send(message);
  }
}

/** Whether a live session answers there: one in another network namespace does not share our lock's name. */
export function sessionAnswers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
