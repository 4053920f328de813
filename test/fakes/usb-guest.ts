import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { pollUntil } from '../../rig/lifetime/poll.js';

export interface Answered {
  readonly status: number;
  readonly data: Buffer;
}

/** The other side of usbredir, as far as a test needs it: packets to an emulated device, and its answers by their ids. */
export class UsbGuest {
  readonly socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #nextId = 1n;
  readonly #answers = new Map<bigint, Answered>();
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('close', () => {
      this.closed = true;
    });
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#parse();
    });
  }

  static async at(path: string): Promise<UsbGuest> {
    const socket = connect(path);
    await once(socket, 'connect');
    const guest = new UsbGuest(socket);
    socket.write(helloOf(0xfe));
    return guest;
  }

  #greeted = false;

  #parse(): void {
    for (;;) {
      const header = this.#greeted ? 16 : 12;
      if (this.#received.length < header) return;
      const length = this.#received.readUInt32LE(4);
      if (this.#received.length < header + length) return;
      const type = this.#received.readUInt32LE(0);
      const id = this.#greeted ? this.#received.readBigUInt64LE(8) : 0n;
      const body = this.#received.subarray(header, header + length);
      this.#received = this.#received.subarray(header + length);
      this.#greeted = true;
      if (type === 100) this.#answers.set(id, { status: body.readUInt8(3), data: body.subarray(10) });
      if (type === 101) this.#answers.set(id, { status: body.readUInt8(1), data: body.subarray(10) });
    }
  }

  /** A control request; gives the id of the packet. */
  control([requestType, request, value, index, length]: readonly number[], data = Buffer.alloc(0)): bigint {
    const body = Buffer.alloc(10);
    body.set([(requestType ?? 0) & 0x80, request ?? 0, requestType ?? 0]);
    body.writeUInt16LE(value ?? 0, 4);
    body.writeUInt16LE(index ?? 0, 6);
    body.writeUInt16LE(length ?? data.length, 8);
    return this.#send(100, Buffer.concat([body, data]));
  }

  bulkOut(endpoint: number, data: Buffer): bigint {
    return this.#send(101, Buffer.concat([bulkHeader(endpoint, data.length), data]));
  }

  bulkIn(endpoint: number, length: number): bigint {
    return this.#send(101, bulkHeader(endpoint, length));
  }

  cancel(id: bigint): void {
    this.socket.write(packetOf(21, id, Buffer.alloc(0)));
  }

  /** Of an id; `undefined` stands for none so far. */
  peek(id: bigint): Answered | undefined {
    return this.#answers.get(id);
  }

  answer(id: bigint): Promise<Answered> {
    return pollUntil(() => this.#answers.get(id), {
      what: `an answer to packet ${id}`,
      timeoutMs: 5_000,
      everyMs: 1,
    });
  }

  #send(type: number, body: Buffer): bigint {
    const id = this.#nextId;
    this.#nextId += 1n;
    this.socket.write(packetOf(type, id, body));
    return id;
  }
}

export function helloOf(capabilities: number): Buffer {
  const bytes = Buffer.alloc(12 + 68);
  bytes.writeUInt32LE(68, 4);
  bytes.write('a test', 12);
  bytes.writeUInt32LE(capabilities, 12 + 64);
  return bytes;
}

export function packetOf(type: number, id: bigint, body: Buffer): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(type, 0);
  header.writeUInt32LE(body.length, 4);
  header.writeBigUInt64LE(id, 8);
  return Buffer.concat([header, body]);
}

function bulkHeader(endpoint: number, length: number): Buffer {
  const body = Buffer.alloc(10);
  body.writeUInt8(endpoint, 0);
  body.writeUInt16LE(length % 0x10000, 2);
  body.writeUInt16LE(Math.floor(length / 0x10000), 8);
  return body;
}

/** The wrapper of a SCSI command (bulk-only transport, 5.1). */
export function commandBlock(
  { tag, length, isIn }: { tag: number; length: number; isIn: boolean },
  bytes: readonly number[],
  commandLength = bytes.length,
): Buffer {
  const wrapper = Buffer.alloc(31);
  wrapper.write('USBC');
  wrapper.writeUInt32LE(tag, 4);
  wrapper.writeUInt32LE(length, 8);
  wrapper.writeUInt8(isIn ? 0x80 : 0, 12);
  wrapper.writeUInt8(commandLength, 14);
  wrapper.set(bytes, 15);
  return wrapper;
}
