/** NTP counts from 1900, Unix from 1970 (RFC 5905, figure 4). */
const eraOffsetS = 2_208_988_800;
const packetBytes = 48;
const clientMode = 3;
const serverMode = 4;

/**
 * A time server of stratum 1 (RFC 5905, 7.3) that says the time that `now` gives, in milliseconds since 1970.
 */
export function timeServer(now: () => number): (datagram: Uint8Array) => Uint8Array | undefined {
  return (datagram) => {
    const request = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
    const [first = 0] = request;
    if (request.length < packetBytes || (first & 7) !== clientMode) return undefined;
    const reply = Buffer.alloc(packetBytes);
    reply[0] = (first & 0x38) | serverMode;
    reply[1] = 1;
    reply[2] = request[2] ?? 0;
    // Precision of a millisecond, 2^-10 s; no root delay, the least root dispersion.
    reply.writeInt8(-10, 3);
    reply.writeUInt32BE(1, 8);
    reply.write('RIG', 12, 'latin1');
    writeTime(reply, 16, now());
    // Its transmit time comes back as the origin: by that the client knows its answer.
    request.copy(reply, 24, 40, 48);
    writeTime(reply, 32, now());
    writeTime(reply, 40, now());
    return reply;
  };
}

function writeTime(packet: Buffer, offset: number, ms: number): void {
  const seconds = Math.floor(ms / 1000);
  packet.writeUInt32BE((seconds + eraOffsetS) % 2 ** 32, offset);
  packet.writeUInt32BE(Math.floor(((ms - seconds * 1000) / 1000) * 2 ** 32), offset + 4);
}
