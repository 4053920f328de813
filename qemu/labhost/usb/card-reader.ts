import { BulkOnly } from './bulk-only.js';
import { Card } from './card.js';
import { type Description, stall, type UsbDevice } from './device.js';
import { directionIn, type Setup } from './packets.js';
import { ScsiDisk, type ScsiDiskOptions } from './scsi-disk.js';

/** Class, subclass (SCSI), protocol (bulk-only) of mass storage. */
const massStorage = [0x08, 0x06, 0x50] as const;
const requests = { getMaxLun: 0xfe, reset: 0xff } as const;
const endpoints = { toHost: directionIn | 1, fromHost: 2 } as const;

export interface CardReaderOptions extends ScsiDiskOptions {
  readonly usb: Pick<Description, 'vendor' | 'product' | 'release' | 'names'>;
  /** Full speed is what QEMU's hub has. */
  readonly speed: Description['speed'];
}

/** A USB card reader with one slot. */
export class CardReader implements UsbDevice {
  readonly description: Description;
  readonly #disk: ScsiDisk;
  readonly #transport: BulkOnly;

  constructor(options: CardReaderOptions) {
    this.#disk = new ScsiDisk(options);
    this.#transport = new BulkOnly(this.#disk);
    const packetBytes = options.speed === 'full' ? 64 : 512;
    this.description = {
      ...options.usb,
      speed: options.speed,
      controlPacketBytes: 64,
      interfaceClass: massStorage,
      bulk: Object.values(endpoints).map((address) => ({ address, packetBytes })),
      maxMilliamperes: 200,
    };
  }

  get hasCard(): boolean {
    return this.#disk.card !== undefined;
  }

  insert(path: string): void {
    this.#disk.insert(new Card(path));
  }

  remove(): void {
    this.#disk.remove();
  }

  /** It speaks only when it is spoken to. */
  plugged(): void {}

  reset(): void {
    this.#transport.reset();
  }

  control({ request }: Setup): Buffer | typeof stall {
    if (request === requests.getMaxLun) return Buffer.of(0);
    if (request !== requests.reset) return stall;
    this.#transport.reset();
    return Buffer.alloc(0);
  }

  take(_: number, data: Buffer): undefined | typeof stall {
    return this.#transport.take(data);
  }

  give(_: number, length: number): Buffer | undefined | typeof stall {
    return this.#transport.give(length);
  }
}
