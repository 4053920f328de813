import type { CommandResult } from './bulk-only.js';
import { CardReader } from './card-reader.js';
import { Pca9536 } from './pca9536.js';

/** Microchip's USB2642 passes I²C through SCSI ("I2C over USB", DS50002283A, page 20). */
const vendorOperation = 0xcf;
const actions = { writeRead: 0x22, write: 0x23 } as const;
const expanderAddress = 0x41;
/** Of what a read writes first, which is in the command itself. */
const longestPrelude = 9;

/** What the expander's pins do on the board, high: cut the data lines, cut the supply, choose the board, say that no card is in. */
const pins = { dataOff: 1, powerOff: 2, toBoard: 4, cardOut: 8 } as const;

export type MuxSide = 'host' | 'board' | 'neither';

/** A USB-SD-Mux of Linux Automation: a card reader with a USB2642, whose I²C leads to the expander that switches the card. */
export class SdMux {
  /** What is plugged in. */
  readonly device: CardReader;
  readonly #expander: Pca9536;
  readonly #card: string;
  readonly #switched: (side: MuxSide) => void;
  #side: MuxSide = 'neither';

  /**
   * @param card file with the blocks of the card; open only while it is at the host
   * @param options `switched` hears of each change
   */
  constructor(card: string, { serial, switched = () => {} }: SdMuxOptions) {
    this.#card = card;
    this.#switched = switched;
    this.#expander = new Pca9536((levels) => this.#route(levels));
    this.device = new CardReader({
      usb: {
        vendor: 0x0424,
        product: 0x4041,
        release: 0x0182,
        names: { manufacturer: 'Linux Automation GmbH', product: 'usb-sd-mux_rev2', serial },
      },
      speed: 'high',
      vendor: 'LinuxAut',
      product: 'sdmux HS-SD/MMC',
      vendorCommand: (command, data) => this.#vendorCommand(command, data),
    });
  }

  get side(): MuxSide {
    return this.#side;
  }

  #vendorCommand(command: Buffer, data: Buffer): CommandResult | undefined {
    if (command.readUInt8(0) !== vendorOperation) return undefined;
    const [action, address, length] = [command.readUInt8(1), command.readUInt8(2), command.readUInt16BE(4)];
    // Nobody else is on the bus: an address that nobody acknowledges fails.
    if (address !== expanderAddress << 1) return { passed: false };
    switch (action) {
      case actions.write:
        if (length > data.length) return { passed: false };
        this.#expander.write(data.subarray(0, length));
        return { passed: true };
      case actions.writeRead: {
        const prelude = command.readUInt8(6);
        if (prelude > longestPrelude || command.readUInt8(3) !== address + 1) return { passed: false };
        this.#expander.write(command.subarray(7, 7 + prelude));
        return { passed: true, data: this.#expander.read(length) };
      }
      default:
        return { passed: false };
    }
  }

  #route(levels: number): void {
    const isCut = (levels & (pins.dataOff | pins.powerOff)) !== 0;
    const side: MuxSide = isCut ? 'neither' : (levels & pins.toBoard) !== 0 ? 'board' : 'host';
    const isSeen = side === 'host' && (levels & pins.cardOut) === 0;
    if (isSeen !== this.device.hasCard) {
      if (isSeen) this.device.insert(this.#card);
      else this.device.remove();
    }
    if (side === this.#side) return;
    this.#side = side;
    this.#switched(side);
  }
}

export interface SdMuxOptions {
  readonly serial: string;
  switched?(side: MuxSide): void;
}
