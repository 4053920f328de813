import { type Description, stall } from './device.js';
import { directionIn, type Setup } from './packets.js';

/** USB 2.0, table 9-4 and 9-5; addresses, configurations and interfaces are set by packets of their own in usbredir. */
const requests = { getStatus: 0, clearFeature: 1, setFeature: 3, getDescriptor: 6 } as const;
const descriptors = { device: 1, configuration: 2, string: 3 } as const;
const endpointHalt = 0;
const americanEnglish = 0x0409;
const recipients = { device: 0, interface: 1, endpoint: 2 } as const;

/** The requests that every device answers the same way. */
export class StandardRequests {
  readonly #description: Description;
  /** Endpoints that stall until they are cleared. */
  readonly halted = new Set<number>();

  constructor(description: Description) {
    this.#description = description;
  }

  answer({ request, requestType, value, index }: Setup): Buffer | typeof stall {
    const recipient = requestType & 0x1f;
    switch (request) {
      case requests.getStatus:
        return Buffer.of(recipient === recipients.endpoint && this.halted.has(index) ? 1 : 0, 0);
      case requests.clearFeature:
      case requests.setFeature:
        if (recipient !== recipients.endpoint || value !== endpointHalt) return stall;
        if (request === requests.setFeature) this.halted.add(index);
        else this.halted.delete(index);
        return Buffer.alloc(0);
      case requests.getDescriptor:
        return this.#descriptor(value >> 8, value & 0xff);
      default:
        return stall;
    }
  }

  #descriptor(type: number, index: number): Buffer | typeof stall {
    if (type === descriptors.device) return deviceDescriptor(this.#description);
    if (type === descriptors.configuration) return configurationDescriptor(this.#description);
    if (type !== descriptors.string) return stall;
    if (index === 0) return Buffer.of(4, descriptors.string, americanEnglish & 0xff, americanEnglish >> 8);
    const text = namesOf(this.#description)[index - 1];
    return text === undefined ? stall : stringDescriptor(text);
  }
}

/** In the order of their numbers, from 1. */
function namesOf({ names }: Description): (string | undefined)[] {
  return [names.manufacturer, names.product, names.serial];
}

function deviceDescriptor(description: Description): Buffer {
  const { vendor, product, release, controlPacketBytes } = description;
  const bytes = Buffer.alloc(18);
  bytes.set([bytes.length, descriptors.device]);
  bytes.writeUInt16LE(0x0200, 2);
  bytes.writeUInt8(controlPacketBytes, 7);
  bytes.writeUInt16LE(vendor, 8);
  bytes.writeUInt16LE(product, 10);
  bytes.writeUInt16LE(release, 12);
  for (const [at, name] of namesOf(description).entries())
    bytes.writeUInt8(name === undefined ? 0 : at + 1, 14 + at);
  bytes.writeUInt8(1, 17);
  return bytes;
}

function configurationDescriptor({ interfaceClass, bulk, maxMilliamperes }: Description): Buffer {
  const endpoints = bulk.map(({ address, packetBytes }) =>
    Buffer.of(7, 5, address, 2, packetBytes & 0xff, packetBytes >> 8, 0),
  );
  const all = Buffer.concat([
    Buffer.of(9, descriptors.configuration, 0, 0, 1, 1, 0, directionIn, maxMilliamperes / 2),
    Buffer.of(9, 4, 0, 0, endpoints.length, ...interfaceClass, 0),
    ...endpoints,
  ]);
  all.writeUInt16LE(all.length, 2);
  return all;
}

function stringDescriptor(text: string): Buffer {
  const letters = Buffer.from(text, 'utf16le');
  return Buffer.concat([Buffer.of(letters.length + 2, descriptors.string), letters]);
}
