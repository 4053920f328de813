/** A: an IPv4 address (RFC 1035, 3.2.2). */
const typeA = 1;
const headerBytes = 12;
/** Seconds that an answer may be kept. */
const ttl = 5;

/**
 * A name server of one name (RFC 1035, 4.1): `address` to who asks for its IPv4 address, an empty answer for its other
 * types, "no such name" for any other name.
 */
export function nameServer(name: string, address: string): (datagram: Uint8Array) => Uint8Array | undefined {
  return (datagram) => {
    const query = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
    const question = readQuestion(query);
    if (!question) return undefined;
    const known = question.name === name.toLowerCase();
    const answers = known && question.type === typeA;
    const header = Buffer.alloc(headerBytes);
    query.copy(header, 0, 0, 2);
    // A response, with recursion as it was asked for and available; 3: there is no such name.
    header.writeUInt16BE(0x8080 | (query.readUInt16BE(2) & 0x0100) | (known ? 0 : 3), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(answers ? 1 : 0, 6);
    const parts = [header, query.subarray(headerBytes, question.end)];
    if (answers) {
      const record = Buffer.alloc(16);
      // The name as a pointer to the one of the question (4.1.4).
      record.writeUInt16BE(0xc000 | headerBytes, 0);
      record.writeUInt16BE(typeA, 2);
      record.writeUInt16BE(1, 4);
      record.writeUInt32BE(ttl, 6);
      record.writeUInt16BE(4, 10);
      for (const [index, byte] of address.split('.').entries()) record.writeUInt8(Number(byte), 12 + index);
      parts.push(record);
    }
    return Buffer.concat(parts);
  };
}

/** The first question of a query; undefined for anything else, which gets no answer. */
function readQuestion(query: Buffer): { name: string; type: number; end: number } | undefined {
  if (query.length < headerBytes || (query.readUInt16BE(2) & 0x8000) !== 0 || query.readUInt16BE(4) !== 1)
    return undefined;
  const labels: string[] = [];
  let at = headerBytes;
  for (let length = query[at]; length !== 0; length = query[at]) {
    if (length === undefined || length > 63 || at + 1 + length >= query.length) return undefined;
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  if (at + 5 > query.length) return undefined;
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}
