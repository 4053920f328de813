import { CardReader } from './card-reader.js';
import { Ftdi } from './ftdi.js';

/** CBUS0 of its FT200X, pulled down on the board: 1 is the host, 0 the board (sd-mux-ctrl, selectTarget). */
const selectPin = 0;

/** Who its chip says it is, which the kernel's ftdi_sio does not know. */
const samsung = { vendor: 0x04e8, model: 0x6001 } as const;

/** An SDWire: behind a hub of its own a card reader on port 1 and an FTDI chip on port 2, whose CBUS0 switches the card. */
export class SdWire {
  readonly reader: CardReader;
  readonly chip: Ftdi;

  /** @param card file with the blocks of the card; open only while it is at the host */
  constructor(card: string, { serial, switched = () => {} }: SdWireOptions) {
    this.reader = new CardReader({
      usb: {
        vendor: 0x0424,
        product: 0x4050,
        release: 0x0182,
        names: { product: 'Ultra Fast Media Reader' },
      },
      speed: 'full',
      vendor: 'Generic',
      product: 'Ultra HS-SD/MMC',
    });
    const options = { ...samsung, manufacturer: 'SRPOL', product: 'sd-wire', serial, cbusGpio: true };
    const cbus = (pin: number, level: 0 | 1 | undefined): void => {
      if (pin !== selectPin) return;
      const atHost = level === 1;
      if (atHost === this.reader.hasCard) return;
      if (atHost) this.reader.insert(card);
      else this.reader.remove();
      switched(atHost ? 'host' : 'board');
    };
    this.chip = new Ftdi({ cbus }, options);
  }
}

export interface SdWireOptions {
  readonly serial: string;
  switched?(side: 'host' | 'board'): void;
}
