import { type Json, RigError } from '../../contracts/errors.js';

/**
 * What travels over a session's socket: a length (4 bytes, big endian, of what follows), a type byte, the payload.
 * Type 1 is a JSON message; type 2 is raw bytes behind the number (4 bytes) of the request or subscription that they
 * belong to.
 */
export type Frame =
  | { readonly kind: 'message'; readonly message: Json }
  | { readonly kind: 'bytes'; readonly id: number; readonly bytes: Buffer };

/** Bytes in one frame, at most; senders cut longer data into several. */
export const maxChunkBytes = 1024 * 1024;
const maxFrameBytes = maxChunkBytes + 4_096;
const lengthBytes = 4;

export function encodeMessage(message: Json): Buffer {
  const text = Buffer.from(JSON.stringify(message));
  return Buffer.concat([head(text.length + 1, 1), text]);
}

export function encodeBytes(id: number, bytes: Uint8Array): Buffer {
  const number = Buffer.alloc(4);
  number.writeUInt32BE(id);
  return Buffer.concat([head(bytes.length + 5, 2), number, bytes]);
}

/** Cuts a byte stream into frames. It holds at most one unfinished frame. */
export class FrameDecoder {
  #chunks: Buffer[] = [];
  #held = 0;
  #wanted = lengthBytes;

  /** @throws RigError `session.garbage` on anything that no session of this version sends */
  *push(chunk: Buffer): Generator<Frame> {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#wanted) return;
    let all = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    while (all.length >= lengthBytes) {
      const length = all.readUInt32BE(0);
      if (length < 1 || length > maxFrameBytes) throw garbage(`a frame of ${length} bytes`);
      if (all.length < lengthBytes + length) break;
      yield decode(all.subarray(lengthBytes, lengthBytes + length));
      all = all.subarray(lengthBytes + length);
    }
    this.#chunks = all.length > 0 ? [all] : [];
    this.#held = all.length;
    this.#wanted = all.length >= lengthBytes ? lengthBytes + all.readUInt32BE(0) : lengthBytes;
  }
}

function decode(frame: Buffer): Frame {
  const type = frame.readUInt8(0);
  if (type === 1) {
    try {
      return { kind: 'message', message: JSON.parse(frame.toString('utf8', 1)) as Json };
    } catch {
      throw garbage('a message that is not JSON');
    }
  }
  if (type === 2 && frame.length >= 5) {
    return { kind: 'bytes', id: frame.readUInt32BE(1), bytes: frame.subarray(5) };
  }
  throw garbage(`a frame of type ${type}`);
}

function head(length: number, type: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt32BE(length);
  bytes.writeUInt8(type, 4);
  return bytes;
}

export function garbage(what: string): RigError {
  return new RigError(`The other end of the session's socket sent ${what}`, {
    code: 'session.garbage',
    blame: 'rig',
    hint: 'Only boardrig itself may connect to this socket, and the same version of it: try rig down.',
  });
}
