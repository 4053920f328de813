import type { Socket } from 'node:net';
import {
  blockSizeBytes,
  command,
  errno,
  exportBytes,
  greeting,
  handshakeFlag,
  info,
  infoBytes,
  magic,
  maxOptionBytes,
  maxPayloadBytes,
  option,
  optionAnswer,
  optionReply,
  type Request,
  readRequest,
  replyHeader,
  requestBytes,
} from './nbd-protocol.js';

/** What a connection reads and writes; positions and lengths are in bytes, multiples of `blockBytes`, within `sizeBytes`. */
export interface BlockStore {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  read(offset: number, length: number): Promise<Buffer>;
  /** @returns false when there is no room */
  write(offset: number, bytes: Buffer): boolean;
  /** @returns as `write` */
  clear(offset: number, length: number): boolean;
}

/**
 * Serves one client: fixed newstyle handshake, simple replies, one request after the other, so that a flush covers what was
 * answered before it. What the client says is not trusted: what cannot be understood ends the connection.
 */
export async function serveNbd(socket: Socket, store: BlockStore): Promise<void> {
  const wire = new Wire(socket);
  await wire.write(greeting());
  const flags = await wire.take(4);
  if (!flags) return;
  if (!(await negotiate(wire, store, { noZeroes: (flags.readUInt32BE(0) & handshakeFlag.noZeroes) !== 0 })))
    return;
  for (let header = await wire.take(requestBytes); header; header = await wire.take(requestBytes)) {
    const request = readRequest(header);
    if (!request || request.type === command.disconnect) return;
    const answer = await answerTo(request, { wire, store });
    if (!answer) return;
    await wire.write(...answer);
  }
}

/** @returns true when transmission begins */
async function negotiate(
  wire: Wire,
  store: BlockStore,
  { noZeroes }: { readonly noZeroes: boolean },
): Promise<boolean> {
  for (let header = await wire.take(16); header; header = await wire.take(16)) {
    if (header.readBigUInt64BE(0) !== magic.option) return false;
    const number = header.readUInt32BE(8);
    const length = header.readUInt32BE(12);
    if (length > maxOptionBytes) return false;
    const data = length === 0 ? Buffer.alloc(0) : await wire.take(length);
    if (!data) return false;
    switch (number) {
      case option.exportName:
        // An old way in: there is one export, whatever it is called, and no answer but its size.
        await wire.write(exportBytes(store.sizeBytes), Buffer.alloc(noZeroes ? 0 : 124));
        return true;
      case option.abort:
        await wire.write(optionAnswer(number, optionReply.ack));
        return false;
      case option.list:
        await wire.write(optionAnswer(number, optionReply.server, Buffer.alloc(4)));
        await wire.write(optionAnswer(number, optionReply.ack));
        break;
      case option.info:
      case option.go: {
        const size = infoBytes(info.export, exportBytes(store.sizeBytes));
        const blocks = infoBytes(info.blockSize, blockSizeBytes(store.blockBytes));
        await wire.write(optionAnswer(number, optionReply.info, size));
        await wire.write(optionAnswer(number, optionReply.info, blocks));
        await wire.write(optionAnswer(number, optionReply.ack));
        if (number === option.go) return true;
        break;
      }
      default:
        await wire.write(optionAnswer(number, optionReply.unsupported));
    }
  }
  return false;
}

/** @returns undefined when the connection cannot go on */
async function answerTo(
  request: Request,
  { wire, store }: { readonly wire: Wire; readonly store: BlockStore },
): Promise<Buffer[] | undefined> {
  const { type, cookie, offset, length } = request;
  const reply = (error = 0): Buffer[] => [replyHeader(cookie, error)];
  let payload: Buffer | undefined;
  if (type === command.write) {
    if (length > maxPayloadBytes) return undefined;
    payload = length === 0 ? Buffer.alloc(0) : await wire.take(length);
    if (!payload) return undefined;
  }
  if (type === command.flush) return reply();
  if (length === 0 || offset % store.blockBytes !== 0 || length % store.blockBytes !== 0)
    return reply(errno.invalid);
  const beyond = offset + length > store.sizeBytes;
  switch (type) {
    case command.read: {
      if (beyond) return reply(errno.invalid);
      if (length > maxPayloadBytes) return reply(errno.overflow);
      const bytes = await store.read(offset, length).catch(() => undefined);
      return bytes ? [...reply(), bytes] : reply(errno.io);
    }
    case command.write:
      if (beyond) return reply(errno.noSpace);
      return reply(payload && store.write(offset, payload) ? 0 : errno.noSpace);
    case command.trim:
    case command.writeZeroes:
      if (beyond) return reply(errno.noSpace);
      return reply(store.clear(offset, length) ? 0 : errno.noSpace);
    default:
      return reply(errno.invalid);
  }
}

/**
 * Exact amounts from a socket, and answers no faster than they are taken. One listener for the whole connection: adding one for `readable`
 * while a part of what is wanted is there emits it at once, and who waits so in a loop never lets the rest come.
 */
class Wire {
  readonly #socket: Socket;
  #over = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    for (const event of ['readable', 'end', 'drain']) socket.on(event, () => this.#wake());
    socket.once('close', () => {
      this.#over = true;
      this.#wake();
    });
  }

  /** @returns undefined when the client has gone, or goes before it has sent so much */
  async take(count: number): Promise<Buffer | undefined> {
    for (;;) {
      const bytes = this.#socket.read(count) as Buffer | null;
      // At the end, `read` gives what is left.
      if (bytes !== null) return bytes.length === count ? bytes : undefined;
      if (this.#over || this.#socket.readableEnded) return undefined;
      await this.#change();
    }
  }

  async write(...parts: Buffer[]): Promise<void> {
    if (this.#over) return;
    this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    this.#socket.uncork();
    while (this.#socket.writableNeedDrain && !this.#over) await this.#change();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
