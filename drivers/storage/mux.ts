import { z } from 'zod';
import { packageVersion } from '../../rig/config/package.js';
import type { Cancellable, Drive, Mux, MuxSide } from '../../rig/contracts/capabilities.js';
import type { Device, DriverContext } from '../../rig/contracts/driver.js';
import { SerialQueue } from '../../rig/lifetime/serial-queue.js';
import { duration } from '../../rig/schema/unit-schemas.js';
import type { UsbReader } from './usb-drive.js';

/** What differs from one mux to the next. */
export interface Selector {
  select(side: MuxSide, options: Cancellable): Promise<void>;
  /** Which side it is on, if it can tell; undefined also for one that is switched to neither. */
  read?(options: Cancellable): Promise<MuxSide | undefined>;
  close?(): Promise<void>;
}

/** Options that every mux has. */
export const muxShape = {
  appear: duration.default(20_000).meta({
    description:
      'Allowed time for an order to the mux, and for the drive to appear at the rig after it, and to go.',
  }),
};

export const usbPath = z.string().regex(/^\d+-\d+(?:\.\d+)*$/, {
  error: 'a USB path such as 1-1.4, as lsusb -t and dmesg show it',
});

/**
 * A mux for the medium of a board, with the card reader that the rig sees it through. Whether the board is off is for the
 * session to check: a mux sees no power.
 */
export class MuxDevice implements Device {
  readonly driver: Device['driver'];
  readonly capabilities: { readonly mux: Mux };
  readonly #selector: Selector;
  readonly #reader: UsbReader;
  readonly #appearMs: number;
  readonly #emit: DriverContext['emit'];
  readonly #queue = new SerialQueue();
  #side: MuxSide | undefined;
  #disposed: Promise<void> | undefined;

  constructor(name: string, parts: MuxParts) {
    this.driver = { name, version: packageVersion() };
    this.#selector = parts.selector;
    this.#reader = parts.reader;
    this.#appearMs = parts.appear;
    this.#emit = parts.context.emit;
    this.capabilities = {
      mux: {
        side: (cancel) => this.#queue.run(() => this.#current(cancel), cancel),
        toRig: (cancel) => this.#queue.run(() => this.#toRig(cancel), cancel),
        toBoard: (cancel) => this.#queue.run(() => this.#toBoard(cancel), cancel),
      },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#queue.run(async () => {
      await this.#selector.close?.();
    });
    return this.#disposed;
  }

  /** A mux that cannot tell, and was not switched yet, is where its medium is seen. */
  async #current(cancel: Cancellable = {}): Promise<MuxSide> {
    const told = (await this.#selector.read?.(cancel)) ?? this.#side;
    return told ?? (this.#reader.find() ? 'rig' : 'board');
  }

  async #toRig(cancel: Cancellable = {}): Promise<Drive> {
    const was = await this.#known(cancel);
    if (was !== 'rig') {
      this.#side = undefined;
      await this.#selector.select('rig', cancel);
    }
    const drive = await this.#reader.appears({ timeoutMs: this.#appearMs, ...cancel });
    this.#moved('rig', was);
    return drive;
  }

  async #toBoard(cancel: Cancellable = {}): Promise<void> {
    const was = await this.#known(cancel);
    // A switch that says so may have left the medium where it was.
    if (was === 'board' && !this.#reader.find()) return this.#moved('board', was);
    await this.#reader.release();
    this.#side = undefined;
    await this.#selector.select('board', cancel);
    await this.#reader.disappears({ timeoutMs: this.#appearMs, ...cancel });
    this.#moved('board', was);
  }

  /** The side that is certain: read back, or switched to by us. */
  async #known(cancel: Cancellable): Promise<MuxSide | undefined> {
    return this.#selector.read ? this.#selector.read(cancel) : this.#side;
  }

  #moved(side: MuxSide, was: MuxSide | undefined): void {
    this.#side = side;
    if (was !== side) this.#emit({ kind: 'mux', side });
  }
}

export interface MuxParts {
  readonly selector: Selector;
  readonly reader: UsbReader;
  /** Milliseconds. */
  readonly appear: number;
  readonly context: DriverContext;
}
