import { type Description, stall, type UsbDevice } from './device.js';
import { baudOf, frameOf, type SerialSettings } from './ftdi-settings.js';
import { directionIn, type Setup } from './packets.js';

/** Requests of the FT-X series, as the kernel's ftdi_sio makes them (drivers/usb/serial/ftdi_sio.h). */
const requests = {
  reset: 0x00,
  modemControl: 0x01,
  flowControl: 0x02,
  baudRate: 0x03,
  data: 0x04,
  modemStatus: 0x05,
  eventCharacter: 0x06,
  errorCharacter: 0x07,
  setLatency: 0x09,
  getLatency: 0x0a,
  setBitMode: 0x0b,
  readPins: 0x0c,
  readEeprom: 0x90,
} as const;

const endpoints = { toHost: directionIn | 1, fromHost: 2 } as const;
const packetBytes = 64;
/** Each packet to the host begins with the modem's status and the line's. */
const statusBytes = 2;
const modemBits = { cts: 0x10, dsr: 0x20, ri: 0x40, dcd: 0x80 } as const;
/** Always set in the first byte by full-speed chips. */
const modemReserved = 0x01;
const lineBits = { overrun: 0x02, breakSeen: 0x10, idle: 0x60 } as const;
const cbusMode = 0x20;
/** In the EEPROM of an FT-X, one byte for each CBUS pin. */
const cbusFunctions = { address: 0x1a, pins: 4, gpio: 0x08, tristate: 0x00 } as const;
/** Of bytes that nobody fetches. The chip's own are 512, but its line is as slow as it is set, and ours is not. */
const bufferBytes = 64 * 1024;

export type CbusPin = 0 | 1 | 2 | 3;

/** What the wires at its far end see; each is told of changes. */
export interface FtdiListener {
  data?(bytes: Buffer): void;
  modem?(lines: { readonly dtr: boolean; readonly rts: boolean }): void;
  breaks?(on: boolean): void;
  settings?(settings: SerialSettings): void;
  /** A CBUS pin is driven high or low, or no longer (undefined). */
  cbus?(pin: CbusPin, level: 0 | 1 | undefined): void;
}

export interface FtdiOptions {
  /** FTDI's and the FT230X's, if it was not given others. */
  readonly vendor?: number;
  readonly model?: number;
  readonly manufacturer?: string;
  readonly product?: string;
  /** Left out: it has none, as many cheap adapters. */
  readonly serial?: string;
  /** Its EEPROM gives the CBUS pins to bit-bang. */
  readonly cbusGpio?: boolean;
}

/** An FTDI FT230X with what its far end sees: bytes, modem lines, BREAK, settings and CBUS pins. */
export class Ftdi implements UsbDevice {
  readonly description: Description;
  readonly #listener: FtdiListener;
  readonly #cbusGpio: boolean;
  #changed: () => void = () => {};
  #received: Buffer = Buffer.alloc(0);
  #breaksReceived = 0;
  #overrun = false;
  #modemIn = modemReserved;
  #modemTold = -1;
  #settings: SerialSettings = { baud: 9600, dataBits: 8, parity: 'none', stopBits: 1 };
  #breaks = false;
  #modemOut = { dtr: false, rts: false };
  #latencyMs = 16;
  #driven: (0 | 1 | undefined)[] = [undefined, undefined, undefined, undefined];
  #pulled: (0 | 1)[] = [0, 0, 0, 0];

  constructor(listener: FtdiListener, options: FtdiOptions = {}) {
    const { vendor = 0x0403, model = 0x6015, cbusGpio = false } = options;
    const { manufacturer = 'FTDI', product = 'FT230X Basic UART', serial } = options;
    this.#listener = listener;
    this.#cbusGpio = cbusGpio;
    this.description = {
      speed: 'full',
      vendor,
      product: model,
      release: 0x1000,
      controlPacketBytes: 8,
      interfaceClass: [0xff, 0xff, 0xff],
      bulk: Object.values(endpoints).map((address) => ({ address, packetBytes })),
      names: { manufacturer, product, ...(serial === undefined ? {} : { serial }) },
      maxMilliamperes: 90,
    };
  }

  /** The far end sends. */
  send(bytes: Uint8Array): void {
    const room = bufferBytes - this.#received.length;
    this.#overrun ||= bytes.length > room;
    this.#received = Buffer.concat([this.#received, bytes.subarray(0, room)]);
    this.#changed();
  }

  /** The far end holds the line low for longer than a byte. */
  sendBreak(): void {
    this.#breaksReceived += 1;
    this.#changed();
  }

  /** The far end drives the lines that are inputs here. */
  setModem(lines: Readonly<Partial<Record<keyof typeof modemBits, boolean>>>): void {
    for (const [name, on] of Object.entries(lines) as [keyof typeof modemBits, boolean][])
      this.#modemIn = on ? this.#modemIn | modemBits[name] : this.#modemIn & ~modemBits[name];
    this.#changed();
  }

  /** The far end pulls a pin, which shows where the chip does not drive it. */
  pullCbus(pin: CbusPin, level: 0 | 1): void {
    this.#pulled[pin] = level;
  }

  plugged(changed: () => void): void {
    this.#changed = changed;
  }

  reset(): void {
    this.#clear();
    this.#setBitMode(0);
  }

  take(_: number, data: Buffer): undefined {
    // The bytes are the connection's own: a copy may stay.
    this.#listener.data?.(Buffer.from(data));
  }

  /**
   * The chip also sends a bare status each time its latency timer runs out; this one only where a line has changed, which is all that
   * a host can make of it, and costs no interrupts.
   */
  give(_: number, length: number): Buffer | undefined {
    if (this.#breaksReceived > 0) {
      this.#breaksReceived -= 1;
      // A BREAK reads as a byte of zeros.
      return this.#packet(lineBits.idle | lineBits.breakSeen, Buffer.of(0));
    }
    if (this.#received.length === 0) {
      if (this.#modemTold === this.#modemIn) return undefined;
      return this.#packet(lineBits.idle, Buffer.alloc(0));
    }
    const packets: Buffer[] = [];
    for (
      let room = Math.max(length, packetBytes);
      room >= packetBytes && this.#received.length > 0;
      room -= packetBytes
    ) {
      const line = lineBits.idle | (this.#overrun ? lineBits.overrun : 0);
      this.#overrun = false;
      packets.push(this.#packet(line, this.#received.subarray(0, packetBytes - statusBytes)));
      this.#received = this.#received.subarray(packetBytes - statusBytes);
    }
    return Buffer.concat(packets);
  }

  control({ request, value, index }: Setup): Buffer | typeof stall {
    const done = Buffer.alloc(0);
    switch (request) {
      case requests.reset:
        // 1 empties what is on its way out, which is gone at once here.
        if (value !== 1) this.#clear();
        return done;
      case requests.modemControl:
        this.#setModemOut(value);
        return done;
      case requests.baudRate:
        this.#set({ baud: baudOf(value, index) });
        return done;
      case requests.data:
        this.#setFrame(value);
        return done;
      case requests.flowControl:
      case requests.eventCharacter:
      case requests.errorCharacter:
        return done;
      case requests.setLatency:
        this.#latencyMs = value & 0xff;
        return done;
      case requests.getLatency:
        return Buffer.of(this.#latencyMs);
      case requests.modemStatus:
        return Buffer.of(this.#modemIn, lineBits.idle);
      case requests.setBitMode:
        this.#setBitMode(value);
        return done;
      case requests.readPins:
        return Buffer.of(
          this.#driven.reduce<number>(
            (bits, level, pin) => bits | ((level ?? this.#pulled[pin] ?? 0) << pin),
            0,
          ),
        );
      case requests.readEeprom:
        return Buffer.of(this.#eeprom(2 * index), this.#eeprom(2 * index + 1));
      default:
        return stall;
    }
  }

  #packet(line: number, data: Buffer): Buffer {
    this.#modemTold = this.#modemIn;
    return Buffer.concat([Buffer.of(this.#modemIn, line), data]);
  }

  #clear(): void {
    this.#received = Buffer.alloc(0);
    this.#breaksReceived = 0;
    this.#overrun = false;
  }

  /** The high byte says which of the lines in the low byte are meant. */
  #setModemOut(value: number): void {
    const of = (bit: number, was: boolean): boolean =>
      (value & (bit << 8)) === 0 ? was : (value & bit) !== 0;
    const { dtr, rts } = this.#modemOut;
    this.#modemOut = { dtr: of(1, dtr), rts: of(2, rts) };
    if (dtr !== this.#modemOut.dtr || rts !== this.#modemOut.rts) this.#listener.modem?.(this.#modemOut);
  }

  #set(some: Partial<SerialSettings>): void {
    const was = JSON.stringify(this.#settings);
    this.#settings = { ...this.#settings, ...some };
    if (JSON.stringify(this.#settings) !== was) this.#listener.settings?.(this.#settings);
  }

  #setFrame(value: number): void {
    const { breaks, ...frame } = frameOf(value);
    this.#set(frame);
    if (breaks !== this.#breaks) this.#listener.breaks?.(breaks);
    this.#breaks = breaks;
  }

  /** Mode, then a mask of outputs, then levels; another mode than CBUS's gives the pins back. */
  #setBitMode(value: number): void {
    const isOn = value >> 8 === cbusMode;
    for (const pin of [0, 1, 2, 3] as const) {
      const isOutput = isOn && this.#cbusGpio && (value & (0x10 << pin)) !== 0;
      const level = isOutput ? (((value >> pin) & 1) === 1 ? 1 : 0) : undefined;
      if (level === this.#driven[pin]) continue;
      this.#driven[pin] = level;
      this.#listener.cbus?.(pin, level);
    }
  }

  #eeprom(address: number): number {
    const pin = address - cbusFunctions.address;
    if (pin < 0 || pin >= cbusFunctions.pins) return 0;
    return this.#cbusGpio ? cbusFunctions.gpio : cbusFunctions.tristate;
  }
}
