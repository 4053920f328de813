/** How the serial side of an FTDI chip is set; the codes are those of the kernel's ftdi_sio.h. */
export interface SerialSettings {
  readonly baud: number;
  readonly dataBits: number;
  readonly parity: 'none' | 'odd' | 'even' | 'mark' | 'space';
  readonly stopBits: 1 | 1.5 | 2;
}

/** Of the FT232B and later full-speed chips: 48 MHz, sixteen samples a bit. */
const baudClock = 3_000_000;
/** Eighths, by the code for them (AN232B-05). */
const eighths = [0, 4, 2, 1, 3, 5, 6, 7] as const;

/** @param index of an FT-X its low byte is the port, so that the third bit of the fraction is in its high byte */
export function baudOf(value: number, index: number): number {
  const whole = value & 0x3fff;
  const code = (value >> 14) | (((index >> 8) & 1) << 2);
  // Two divisors are not what they say: 0 is 1, and 1 is 1.5.
  if (code === 0 && whole === 0) return baudClock;
  if (code === 0 && whole === 1) return baudClock / 1.5;
  return Math.round(baudClock / (whole + (eighths[code] ?? 0) / 8));
}

const parities = ['none', 'odd', 'even', 'mark', 'space'] as const;
const stops = [1, 1.5, 2] as const;
const breakBit = 1 << 14;

/** The data request sets the frame and BREAK in one. */
export function frameOf(value: number): Omit<SerialSettings, 'baud'> & { readonly breaks: boolean } {
  return {
    dataBits: value & 0xff,
    parity: parities[(value >> 8) & 7] ?? 'none',
    stopBits: stops[(value >> 11) & 3] ?? 1,
    breaks: (value & breakBit) !== 0,
  };
}
