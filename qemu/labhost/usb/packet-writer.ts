import {
  type BulkPacket,
  directionIn,
  type Presence,
  type Setup,
  type Status,
  sizes,
  statuses,
  types,
} from './packets.js';

/** Ours: the device's version is told, and the three without which QEMU attaches nothing to an xHCI. */
const capabilities = (1 << 1) | (1 << 4) | (1 << 5) | (1 << 6);

export function hello(): Buffer {
  const body = Buffer.alloc(sizes.version + 4);
  body.write('boardrig lab host');
  body.writeUInt32LE(capabilities, sizes.version);
  const header = Buffer.alloc(sizes.helloHeader);
  header.writeUInt32LE(types.hello, 0);
  header.writeUInt32LE(body.length, 4);
  return Buffer.concat([header, body]);
}

/** Its interface and endpoints, then the device itself, in the order that the protocol wants; after the hello of the other side. */
export function connect(presence: Presence): Buffer {
  return Buffer.concat([
    packet(types.interfaceInfo, { body: interfaceInfo(presence) }),
    packet(types.endpointInfo, { body: endpointInfo(presence) }),
    packet(types.deviceConnect, { body: device(presence) }),
  ]);
}

const slots = 32;

function interfaceInfo({ interfaceClass }: Presence): Buffer {
  const body = Buffer.alloc(4 + 4 * slots);
  body.writeUInt32LE(1, 0);
  for (const [index, code] of interfaceClass.entries()) body.writeUInt8(code, 4 + (index + 1) * slots);
  return body;
}

const [controlType, bulkType, noType] = [0, 2, 255];

/** Arrays of 32: the endpoints out, then those in. */
function endpointInfo({ controlPacketBytes, bulk }: Presence): Buffer {
  const body = Buffer.alloc(5 * slots);
  body.fill(noType, 0, slots);
  const set = (address: number, type: number, packetBytes: number): void => {
    const slot = (address & 0x0f) + ((address & directionIn) === 0 ? 0 : 16);
    body.writeUInt8(type, slot);
    body.writeUInt16LE(packetBytes, 3 * slots + 2 * slot);
  };
  for (const address of [0, directionIn]) set(address, controlType, controlPacketBytes);
  for (const { address, packetBytes } of bulk) set(address, bulkType, packetBytes);
  return body;
}

function device({ speed, vendor, product, release }: Presence): Buffer {
  const body = Buffer.alloc(10);
  body.writeUInt8(speed === 'full' ? 1 : 2, 0);
  body.writeUInt16LE(vendor, 4);
  body.writeUInt16LE(product, 6);
  body.writeUInt16LE(release, 8);
  return body;
}

export function configurationStatus(id: bigint, configuration: number): Buffer {
  return packet(types.configurationStatus, { id, body: Buffer.of(statuses.success, configuration) });
}

export function altSettingStatus(id: bigint, at: { interface: number; alt: number }): Buffer {
  const { status, alt } =
    at.alt === 0 ? { status: statuses.success, alt: 0 } : { status: statuses.stall, alt: at.alt };
  return packet(types.altSettingStatus, { id, body: Buffer.of(status, at.interface, alt) });
}

/** @param answer what goes to the host; of a transfer to the device nothing, and all of it counts as taken unless `status` says else */
export function controlAnswer(id: bigint, setup: Setup, answer: { status: Status; data: Buffer }): Buffer {
  const isIn = (setup.requestType & directionIn) !== 0;
  const body = Buffer.alloc(sizes.control);
  body.writeUInt8(setup.requestType & directionIn, 0);
  body.writeUInt8(setup.request, 1);
  body.writeUInt8(setup.requestType, 2);
  body.writeUInt8(answer.status, 3);
  body.writeUInt16LE(setup.value, 4);
  body.writeUInt16LE(setup.index, 6);
  body.writeUInt16LE(isIn ? answer.data.length : answer.status === statuses.success ? setup.length : 0, 8);
  return packet(types.control, { id, body, data: answer.data });
}

/** @param answer `length`: of what a transfer to the device took */
export function bulkAnswer(
  { id, endpoint, stream }: Pick<BulkPacket, 'id' | 'endpoint' | 'stream'>,
  { status, length, data = Buffer.alloc(0) }: { status: Status; length: number; data?: Buffer },
): Buffer {
  const body = Buffer.alloc(sizes.bulk);
  body.writeUInt8(endpoint, 0);
  body.writeUInt8(status, 1);
  body.writeUInt16LE(length % 0x10000, 2);
  body.writeUInt32LE(stream, 4);
  body.writeUInt16LE(Math.floor(length / 0x10000), 8);
  return packet(types.bulk, { id, body, data });
}

function packet(type: number, parts: { id?: bigint; body: Buffer; data?: Buffer }): Buffer {
  const { id = 0n, body, data = Buffer.alloc(0) } = parts;
  const header = Buffer.alloc(sizes.header);
  header.writeUInt32LE(type, 0);
  header.writeUInt32LE(body.length + data.length, 4);
  header.writeBigUInt64LE(id, 8);
  return Buffer.concat([header, body, data]);
}
