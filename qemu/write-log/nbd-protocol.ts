/** Numbers of the NBD protocol (doc/proto.md of NetworkBlockDevice/nbd), all big endian on the wire. */
export const magic = {
  server: 0x4e42444d41474943n,
  option: 0x49484156454f5054n,
  optionReply: 0x3e889045565a9n,
  request: 0x25609513,
  reply: 0x67446698,
} as const;

export const handshakeFlag = { fixedNewstyle: 1, noZeroes: 2 } as const;

export const option = { exportName: 1, abort: 2, list: 3, info: 6, go: 7 } as const;

export const optionReply = {
  ack: 1,
  server: 2,
  info: 3,
  unsupported: 0x80000001,
  invalid: 0x80000003,
  tooBig: 0x80000009,
} as const;

export const info = { export: 0, blockSize: 3 } as const;

export const transmissionFlag = {
  hasFlags: 1,
  sendFlush: 4,
  sendFua: 8,
  sendTrim: 0x20,
  sendWriteZeroes: 0x40,
} as const;

export const command = { read: 0, write: 1, disconnect: 2, flush: 3, trim: 4, writeZeroes: 6 } as const;

/** The protocol's own errors; the numbers are Linux's. */
export const errno = { io: 5, invalid: 22, noSpace: 28, overflow: 75 } as const;

export const requestBytes = 28;
/** What a client that knows nothing of block sizes may ask for at most. */
export const maxPayloadBytes = 32 * 1024 * 1024;
/** Longer than any option that a client of ours sends. */
export const maxOptionBytes = 4096;

export interface Request {
  readonly type: number;
  readonly cookie: Buffer;
  readonly offset: number;
  readonly length: number;
}

/** @returns undefined for what is no request: nothing on the connection can be understood from there on */
export function readRequest(header: Buffer): Request | undefined {
  if (header.readUInt32BE(0) !== magic.request) return undefined;
  const offset = header.readBigUInt64BE(16);
  return {
    type: header.readUInt16BE(6),
    cookie: Buffer.from(header.subarray(8, 16)),
    offset: offset > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(offset),
    length: header.readUInt32BE(24),
  };
}

export function replyHeader(cookie: Buffer, error: number): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32BE(magic.reply, 0);
  header.writeUInt32BE(error, 4);
  cookie.copy(header, 8);
  return header;
}

export function greeting(): Buffer {
  const bytes = Buffer.alloc(18);
  bytes.writeBigUInt64BE(magic.server, 0);
  bytes.writeBigUInt64BE(magic.option, 8);
  bytes.writeUInt16BE(handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes, 16);
  return bytes;
}

export function optionAnswer(number: number, type: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(20);
  header.writeBigUInt64BE(magic.optionReply, 0);
  header.writeUInt32BE(number, 8);
  header.writeUInt32BE(type, 12);
  header.writeUInt32BE(data.length, 16);
  return Buffer.concat([header, data]);
}

/** Size and flags of the export, as `exportName` and an `info` of kind `export` tell them. */
export function exportBytes(sizeBytes: number): Buffer {
  const { hasFlags, sendFlush, sendFua, sendTrim, sendWriteZeroes } = transmissionFlag;
  const bytes = Buffer.alloc(10);
  bytes.writeBigUInt64BE(BigInt(sizeBytes), 0);
  bytes.writeUInt16BE(hasFlags | sendFlush | sendFua | sendTrim | sendWriteZeroes, 8);
  return bytes;
}

export function infoBytes(kind: number, content: Buffer): Buffer {
  const bytes = Buffer.alloc(2 + content.length);
  bytes.writeUInt16BE(kind, 0);
  content.copy(bytes, 2);
  return bytes;
}

/** Least, best and most bytes of a request. */
export function blockSizeBytes(least: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(least, 0);
  bytes.writeUInt32BE(4096, 4);
  bytes.writeUInt32BE(maxPayloadBytes, 8);
  return bytes;
}
