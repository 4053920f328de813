import type { Socket } from 'node:net';
import { type Json, RigError, toErrorRecord } from '../../contracts/errors.js';
import type { Holder } from '../../contracts/session.js';
import { ConsoleRelay } from './console-relay.js';
import { encodeBytes, encodeMessage, type Frame, FrameDecoder, garbage } from './frames.js';
import { asHolder } from './holder.js';
import { badRequest, operations } from './operations.js';
import { asClientMessage, type ClientMessage, protocolVersion, type ServerMessage } from './protocol.js';
import type { ServedSession, SessionServer } from './server.js';

/** Time for a client to say `hello`. */
const helloMs = 10_000;
const maxPending = 64;
const maxPendingBytes = 8 * 1024 * 1024;
const maxSubscriptions = 16;
/** How far a reader of the console may fall behind: somebody who looks on, and the run that has the lease. */
const spectatorBytes = 1024 * 1024;
const leaseBytes = 64 * 1024 * 1024;
/** A client that reads nothing at all is cut off here. */
const maxUnsentBytes = leaseBytes + 16 * 1024 * 1024;

type Params = Readonly<Record<string, Json>>;

/** One client of a session, as its server sees it. Nothing that it sends can end the session. */
export class ServerClient {
  readonly #socket: Socket;
  readonly #server: SessionServer;
  readonly #decoder = new FrameDecoder();
  readonly #pending = new Map<number, AbortController>();
  readonly #relays = new Map<number, ConsoleRelay>();
  readonly #helloTimer: NodeJS.Timeout;
  #holder: Holder | undefined;
  #session: ServedSession | undefined;
  #pendingBytes = 0;

  constructor(socket: Socket, server: SessionServer) {
    this.#socket = socket;
    this.#server = server;
    this.#helloTimer = setTimeout(() => this.#refuse(garbage('no hello')), helloMs);
    socket.on('data', (chunk) => this.#received(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#gone());
  }

  send(message: ServerMessage): void {
    this.#write(encodeMessage(message as unknown as Json));
  }

  /** Aborts what the client asked for and has no answer to yet. */
  abort(reason: RigError): void {
    for (const controller of this.#pending.values()) controller.abort(reason);
  }

  #received(chunk: Buffer): void {
    try {
      for (const frame of this.#decoder.push(chunk)) {
        if (this.#socket.destroyed || this.#socket.writableEnded) return;
        this.#handle(frame);
      }
    } catch (error) {
      this.#refuse(error);
    }
  }

  #handle(frame: Frame): void {
    if (frame.kind === 'bytes') {
      // Bytes from a client are typed on the console.
      const { bytes } = frame;
      this.#start(frame.id, bytes.length, (session, signal) => this.#type(session, { bytes, signal }));
      return;
    }
    const message = asClientMessage(frame.message);
    if (!message) throw garbage('a message that the protocol does not have');
    if (message.type === 'hello') this.#hello(message);
    else if (message.type === 'cancel') this.#pending.get(message.id)?.abort(badRequest('cancelled'));
    else {
      const { op } = message;
      const params = named(message.params);
      this.#start(message.id, 0, (session, signal) => this.#perform(session, { op, params, signal }));
    }
  }

  #hello(message: Extract<ClientMessage, { type: 'hello' }>): void {
    if (this.#holder) throw garbage('a second hello');
    if (message.protocol !== protocolVersion) throw otherProtocol(message.protocol);
    this.#holder = asHolder(message.client);
    if (!this.#holder) throw garbage('a hello without a name');
    clearTimeout(this.#helloTimer);
    this.#server.session.then(
      (session) => {
        if (this.#socket.destroyed) return;
        const { stopped } = this.#server;
        if (stopped) return this.#refuse(stopped);
        this.#session = session;
        this.#server.joined(this);
        this.send({ type: 'hello', protocol: protocolVersion, info: this.#server.info(session) });
      },
      (error: unknown) => this.#refuse(error),
    );
  }

  #start(
    id: number,
    sizeBytes: number,
    act: (session: ServedSession, signal: AbortSignal) => Promise<Json | Uint8Array | undefined>,
  ): void {
    const session = this.#session;
    if (!session) throw garbage('a request before its hello was answered');
    if (this.#pending.has(id)) throw garbage(`request number ${id} twice`);
    const full = this.#pending.size >= maxPending || this.#pendingBytes + sizeBytes > maxPendingBytes;
    const refusal = this.#server.stopped ?? (full ? badRequest('too much at once') : undefined);
    if (refusal) {
      this.send({ type: 'failure', id, error: toErrorRecord(refusal) });
      return;
    }
    const controller = new AbortController();
    this.#pending.set(id, controller);
    this.#pendingBytes += sizeBytes;
    // The first step runs at once, so that a subscription stands before the next frame is looked at.
    act(session, controller.signal)
      .then(
        (value) => {
          if (value instanceof Uint8Array) this.#write(encodeBytes(id, value));
          else this.send({ type: 'reply', id, value: value ?? null });
        },
        (error: unknown) => this.send({ type: 'failure', id, error: toErrorRecord(error) }),
      )
      .finally(() => {
        this.#pending.delete(id);
        this.#pendingBytes -= sizeBytes;
      });
  }

  async #type(
    session: ServedSession,
    { bytes, signal }: { bytes: Uint8Array; signal: AbortSignal },
  ): Promise<undefined> {
    this.#server.lease.assertFreeFor(this);
    if (!session.console) throw badRequest('the board has no console');
    await session.console.write(bytes, { signal });
  }

  async #perform(
    session: ServedSession,
    { op, params, signal }: { op: string; params: Params; signal: AbortSignal },
  ): Promise<Json | Uint8Array | undefined> {
    const { lease } = this.#server;
    const operation = Object.hasOwn(operations, op) ? operations[op] : undefined;
    if (operation?.exclusive) {
      lease.assertFreeFor(this);
      return this.#server.inTurn(signal, () => {
        lease.assertFreeFor(this);
        return operation.run(session, params, signal);
      });
    }
    if (operation) return operation.run(session, params, signal);
    switch (op) {
      case 'info':
        return this.#server.info(session) as unknown as Json;
      case 'console.subscribe':
        return this.#subscribe(session, params);
      case 'console.unsubscribe':
        this.#relays.get(Number(params.id))?.[Symbol.dispose]();
        this.#relays.delete(Number(params.id));
        return undefined;
      case 'lease':
        if (!this.#holder) return undefined;
        await lease.take(this, { holder: this.#holder, wait: params.wait === true, signal });
        if (this.#socket.destroyed) lease.release(this);
        return undefined;
      case 'release':
        lease.release(this);
        return undefined;
      case 'stop':
        if (params.force !== true) lease.assertFreeFor(this);
        this.#server.options.onStop(`${this.#holder?.command ?? 'somebody'} asked for it`);
        return undefined;
      default:
        throw badRequest(`there is no operation ${JSON.stringify(op).slice(0, 80)}`);
    }
  }

  #subscribe(session: ServedSession, params: Params): undefined {
    const id = Number(params.id);
    if (!session.hub) throw badRequest('the board has no console');
    if (!Number.isInteger(id) || id < 0 || id > 0xffff_ffff || this.#relays.has(id)) {
      throw badRequest('a subscription needs a number of its own');
    }
    if (this.#relays.size >= maxSubscriptions) throw badRequest('too many subscriptions');
    const limitBytes = (): number => (this.#server.lease.ownedBy(this) ? leaseBytes : spectatorBytes);
    const relay = new ConsoleRelay(this.#socket, { id, hub: session.hub, limitBytes });
    this.#relays.set(id, relay);
    relay.start(params.from === 'tail' ? 'tail' : 'now');
  }

  #refuse(error: unknown): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.send({ type: 'refused', error: toErrorRecord(error) });
    this.#socket.end();
    this.#gone();
  }

  #gone(): void {
    clearTimeout(this.#helloTimer);
    for (const relay of this.#relays.values()) relay[Symbol.dispose]();
    this.#relays.clear();
    this.abort(badRequest('it went away before the answer'));
    this.#server.left(this);
  }

  #write(bytes: Buffer): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    if (this.#socket.writableLength > maxUnsentBytes) this.#socket.destroy();
    else this.#socket.write(bytes);
  }
}

function named(params: Json): Params {
  return typeof params === 'object' && params !== null && !Array.isArray(params) ? (params as Params) : {};
}

function otherProtocol(theirs: unknown): RigError {
  return new RigError(
    `The session speaks protocol ${protocolVersion}, the client ${JSON.stringify(theirs)}: they are of different versions`,
    {
      code: 'session.other-version',
      blame: 'rig',
      hint: 'End the session with the version that started it (rig down), then start it anew.',
    },
  );
}
