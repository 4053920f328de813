import { connect, type Socket } from 'node:net';
import type { MediumState } from '../../contracts/capabilities.js';
import type { DeviceEvent } from '../../contracts/driver.js';
import { fromErrorRecord, type Json, RigError } from '../../contracts/errors.js';
import type { ConsoleReader, Holder } from '../../contracts/session.js';
import { sessionEnded } from './ended.js';
import { encodeBytes, encodeMessage, type Frame, FrameDecoder } from './frames.js';
import {
  type ClientMessage,
  fromEventRecord,
  protocolVersion,
  type ServerMessage,
  type SessionInfo,
} from './protocol.js';

interface Pending {
  resolve(value: Json | Uint8Array): void;
  reject(error: unknown): void;
}

/** Why the connection is over; `orderly` when the session said so itself. */
export interface SessionEnd {
  readonly orderly: boolean;
  readonly error: RigError;
  /** What the session could not give back: the board may still be on. */
  readonly failure?: RigError;
}

/** One connection to a session: requests and their answers, events, console subscriptions. */
export class SessionClient implements AsyncDisposable {
  readonly info: SessionInfo;
  readonly ended: Promise<SessionEnd>;
  readonly events = new Set<(event: DeviceEvent) => void>();
  readonly leaseChanges = new Set<(holder: Holder | null) => void>();
  medium: MediumState | null;
  lease: Holder | null;
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #readers = new Map<number, ConsoleReader>();
  #next = 1;
  #end: SessionEnd | undefined;
  #goodbye: string | undefined;
  #failure: RigError | undefined;

  private constructor(socket: Socket, info: SessionInfo) {
    this.#socket = socket;
    this.info = info;
    this.medium = info.medium;
    this.lease = info.lease;
    this.ended = new Promise((resolve) => {
      socket.on('close', () => resolve(this.#closed()));
    });
  }

  /**
   * @returns undefined when no session answers there
   * @throws RigError what kept the session from starting, or why it refuses this client; the signal's reason
   */
  static connect(
    path: string,
    { holder, signal }: { holder: Holder; signal?: AbortSignal | undefined },
  ): Promise<SessionClient | undefined> {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      const decoder = new FrameDecoder();
      let client: SessionClient | undefined;
      const onAbort = (): void => {
        socket.destroy();
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const hello: ClientMessage = { type: 'hello', protocol: protocolVersion, client: holder };
      socket.on('connect', () => socket.write(encodeMessage(hello as unknown as Json)));
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        signal?.removeEventListener('abort', onAbort);
        resolve(undefined);
      });
      socket.on('data', (chunk) => {
        try {
          for (const frame of decoder.push(chunk)) {
            if (client) client.#handle(frame);
            else if (frame.kind === 'message') {
              const message = frame.message as unknown as ServerMessage;
              if (message.type === 'refused') throw fromErrorRecord(message.error);
              if (message.type !== 'hello') continue;
              client = new SessionClient(socket, message.info);
              signal?.removeEventListener('abort', onAbort);
              resolve(client);
            }
          }
        } catch (error) {
          socket.destroy();
          reject(error);
        }
      });
    });
  }

  /** @throws RigError what the operation threw there, `session.ended`; the signal's reason */
  request(
    op: string,
    params: Json = {},
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Json | Uint8Array> {
    return this.#ask((id) => encodeMessage({ type: 'request', id, op, params }), options.signal);
  }

  /** Types on the console. */
  async type(bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    await this.#ask((id) => encodeBytes(id, bytes), signal);
  }

  subscribe(reader: ConsoleReader, from: 'now' | 'tail'): Disposable {
    const id = this.#next++;
    if (this.#end) {
      const { error } = this.#end;
      queueMicrotask(() => reader.lost(error));
      return { [Symbol.dispose]: () => {} };
    }
    this.#readers.set(id, reader);
    this.request('console.subscribe', { id, from }).catch((error: RigError) => this.#lose(id, error));
    return {
      [Symbol.dispose]: () => {
        if (!this.#readers.delete(id) || this.#end) return;
        // Whether it was heard does not matter: what still comes for this number is dropped.
        this.request('console.unsubscribe', { id }).catch(() => {});
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#goodbye ??= 'this end closed it';
    this.#socket.end();
    this.#socket.destroySoon();
    await this.ended;
  }

  #ask(encode: (id: number) => Buffer, signal: AbortSignal | undefined): Promise<Json | Uint8Array> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#end) return Promise.reject(this.#end.error);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#pending.delete(id);
        this.#socket.write(encodeMessage({ type: 'cancel', id }));
        reject(signal?.reason);
      };
      const settle = (): void => signal?.removeEventListener('abort', onAbort);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(id, {
        resolve: (value) => {
          settle();
          resolve(value);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      this.#socket.write(encode(id));
    });
  }

  #handle(frame: Frame): void {
    if (frame.kind === 'bytes') {
      const reader = this.#readers.get(frame.id);
      if (reader) reader.data(frame.bytes);
      else this.#settle(frame.id)?.resolve(frame.bytes);
      return;
    }
    const message = frame.message as unknown as ServerMessage;
    switch (message.type) {
      case 'reply':
        this.#settle(message.id)?.resolve(message.value);
        return;
      case 'failure':
        this.#settle(message.id)?.reject(fromErrorRecord(message.error));
        return;
      case 'event':
        for (const listener of [...this.events]) listener(fromEventRecord(message.event));
        return;
      case 'medium':
        this.medium = message.state;
        return;
      case 'lease':
        this.lease = message.holder;
        for (const listener of [...this.leaseChanges]) listener(message.holder);
        return;
      case 'gap':
        this.#gap(message.id, message.missedBytes);
        return;
      case 'console-lost':
        this.#lose(message.id, fromErrorRecord(message.error));
        return;
      case 'end':
        this.#goodbye = message.reason;
        if (message.failure) this.#failure = fromErrorRecord(message.failure);
        return;
      default:
        return;
    }
  }

  #gap(id: number, missedBytes: number): void {
    const reader = this.#readers.get(id);
    if (!reader) return;
    if (reader.gap) {
      reader.gap(missedBytes);
      return;
    }
    this.#lose(
      id,
      new RigError(`A reader of the console was too slow and missed ${missedBytes} bytes`, {
        code: 'session.reader-too-slow',
        blame: 'rig',
        hint: 'Is this host overloaded? The session itself logged every byte: rig logs.',
        evidence: { missedBytes },
      }),
    );
  }

  #lose(id: number, error: RigError): void {
    const reader = this.#readers.get(id);
    this.#readers.delete(id);
    reader?.lost(error);
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #closed(): SessionEnd {
    const { name } = this.info.board;
    const error = sessionEnded(name, this.#goodbye ?? 'its process died');
    const orderly = this.#goodbye !== undefined;
    this.#end = { orderly, error, ...(this.#failure ? { failure: this.#failure } : {}) };
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(error);
    for (const id of [...this.#readers.keys()]) this.#lose(id, error);
    if (!this.#end.orderly) for (const listener of this.events) listener({ kind: 'lost', error });
    return this.#end;
  }
}
