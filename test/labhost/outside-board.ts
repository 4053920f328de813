import type { LabHost } from '../../qemu/labhost/lab-host.js';
import type { LineLevel } from '../../rig/contracts/capabilities.js';
import { SerialQueue } from '../../rig/lifetime/serial-queue.js';

/** A board as its wires see it, outside the lab host. */
export interface OutsideBoard {
  /** The supply comes or goes. */
  power(on: boolean): Promise<void>;
  /** What the lab host types. */
  typed(bytes: Buffer): void;
  /** Takes the card out and gives its file, which is in the reader until `cardIn`. */
  cardOut(): Promise<string>;
  cardIn(): Promise<void>;
  /** The network cable between the two has a carrier, or none. */
  cable(carrier: boolean): Promise<void>;
}

/** Lines of the lab host's chip, in order; drivers name them. */
export const wiredLines = ['RELAY', 'MUX', 'LED', 'BOOT'] as const;
/** What its network port is told as. */
export const portLine = 'PORT';

/** Connects the lab host's lines, serial adapter, card reader and network port to a board. */
export class Wires {
  readonly errors: unknown[] = [];
  #board: OutsideBoard | undefined;
  #host: LabHost | undefined;
  /** Wires act one after the other, as fast as a relay would. */
  readonly #queue = new SerialQueue();

  /** Until that is disposed of; then the lines lead nowhere. */
  connect(host: LabHost, board: OutsideBoard): AsyncDisposable {
    this.#board = board;
    if (this.#host !== host) host.serial.on('data', (bytes: Buffer) => this.#board?.typed(bytes));
    this.#host = host;
    return {
      [Symbol.asyncDispose]: () =>
        this.#queue.run(async () => {
          this.#board = undefined;
        }),
    };
  }

  /** For `onLine` of the lab host. */
  readonly line = (name: string, level: LineLevel): void => {
    void this.#queue
      .run(async () => {
        const [host, board] = [this.#host, this.#board];
        if (host && board) await this.#act({ host, board, name, level });
      })
      .catch((error: unknown) => this.errors.push(error));
  };

  async #act({
    host,
    board,
    name,
    level,
  }: {
    host: LabHost;
    board: OutsideBoard;
    name: string;
    level: LineLevel;
  }): Promise<void> {
    if (name === 'RELAY') await board.power(level === 1);
    if (name === portLine) await board.cable(level === 1);
    if (name !== 'MUX') return;
    if (level === 1) await host.usb.plugDrive(await board.cardOut());
    else {
      await host.usb.unplugDrive();
      await board.cardIn();
    }
  }
}
