import { RigError } from '../../../rig/contracts/errors.js';
import { directionIn, type GuestPacket, type Setup, sizes, types } from './packets.js';

/** QEMU attaches nothing to an xHCI without them: sizes of endpoints' packets, 64-bit ids, 32-bit lengths. */
const requiredCapabilities = (1 << 4) | (1 << 5) | (1 << 6);
/** More than any driver asks for in one go; a longer packet is nonsense that must not fill the memory. */
const longestBody = 1024 * 1024 + sizes.bulk;

/** Cuts the bytes of the socket into packets. */
export class PacketReader {
  #rest: Buffer = Buffer.alloc(0);
  #greeted = false;

  /** @throws RigError `labhost.bad-usb-packet`; nothing after it can be read */
  read(chunk: Buffer): GuestPacket[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const packets: GuestPacket[] = [];
    for (;;) {
      const header = this.#greeted ? sizes.header : sizes.helloHeader;
      if (this.#rest.length < header) return packets;
      const type = this.#rest.readUInt32LE(0);
      const length = this.#rest.readUInt32LE(4);
      if (length > longestBody) throw bad(`a packet of type ${type} says that it has ${length} bytes`);
      if (!this.#greeted && type !== types.hello)
        throw bad(`the first packet is of type ${type}, not a hello`);
      if (this.#rest.length < header + length) return packets;
      const id = this.#greeted ? this.#rest.readBigUInt64LE(8) : 0n;
      const body = this.#rest.subarray(header, header + length);
      this.#rest = this.#rest.subarray(header + length);
      packets.push(parse(type, { id, body }));
      this.#greeted = true;
    }
  }
}

function parse(type: number, { id, body }: { id: bigint; body: Buffer }): GuestPacket {
  const exactly = (bytes: number): void => {
    if (body.length !== bytes) throw bad(`a packet of type ${type} has ${body.length} bytes, not ${bytes}`);
  };
  switch (type) {
    case types.hello:
      return parseHello(body);
    case types.reset:
      return { kind: 'reset' };
    case types.filterReject:
      return { kind: 'rejected' };
    case types.filterFilter:
    case types.disconnectAck:
      return { kind: 'ignored' };
    case types.setConfiguration:
      exactly(1);
      return { kind: 'set-configuration', id, configuration: body.readUInt8(0) };
    case types.getConfiguration:
      return { kind: 'get-configuration', id };
    case types.setAltSetting:
      exactly(2);
      return { kind: 'set-alt-setting', id, interface: body.readUInt8(0), alt: body.readUInt8(1) };
    case types.getAltSetting:
      exactly(1);
      return { kind: 'get-alt-setting', id, interface: body.readUInt8(0) };
    case types.cancel:
      return { kind: 'cancel', id };
    case types.control:
      return parseControl(id, body);
    case types.bulk:
      return parseBulk(id, body);
    default:
      throw bad(`a packet has the type ${type}, which no device of ours asked for`);
  }
}

function parseHello(body: Buffer): GuestPacket {
  if (body.length < sizes.version + 4) throw bad(`a hello has ${body.length} bytes`);
  const has = body.readUInt32LE(sizes.version);
  if ((has & requiredCapabilities) !== requiredCapabilities)
    throw bad(
      `the other side has the capabilities 0x${has.toString(16)}; ours needs 0x${requiredCapabilities.toString(16)}`,
    );
  const end = body.indexOf(0);
  return {
    kind: 'hello',
    version: body.toString('latin1', 0, Math.min(end < 0 ? sizes.version : end, sizes.version)),
  };
}

function parseControl(id: bigint, body: Buffer): GuestPacket {
  if (body.length < sizes.control) throw bad(`a control packet has ${body.length} bytes`);
  const setup: Setup = {
    request: body.readUInt8(1),
    requestType: body.readUInt8(2),
    value: body.readUInt16LE(4),
    index: body.readUInt16LE(6),
    length: body.readUInt16LE(8),
  };
  const data = body.subarray(sizes.control);
  const expected = (setup.requestType & directionIn) === 0 ? setup.length : 0;
  if (data.length !== expected)
    throw bad(`a control packet for ${setup.length} bytes carries ${data.length}`);
  return { kind: 'control', id, setup, data };
}

function parseBulk(id: bigint, body: Buffer): GuestPacket {
  if (body.length < sizes.bulk) throw bad(`a bulk packet has ${body.length} bytes`);
  const endpoint = body.readUInt8(0);
  const length = body.readUInt16LE(2) + body.readUInt16LE(8) * 0x10000;
  const data = body.subarray(sizes.bulk);
  if (length > longestBody) throw bad(`a bulk packet asks for ${length} bytes`);
  if (data.length !== ((endpoint & directionIn) === 0 ? length : 0))
    throw bad(`a bulk packet for ${length} bytes at endpoint ${endpoint} carries ${data.length}`);
  return { kind: 'bulk', id, endpoint, stream: body.readUInt32LE(4), length, data };
}

function bad(what: string): RigError {
  return new RigError(`Cannot read what QEMU says to an emulated USB device: ${what}`, {
    code: 'labhost.bad-usb-packet',
    blame: 'rig',
    hint: 'QEMU must be 7.2 or newer; if it is, qemu/labhost/usb/packets.ts has misread usbredir.',
  });
}
