/** Registers of the expander (NXP PCA9536, table 4). */
const registers = { input: 0, output: 1, polarity: 2, configuration: 3 } as const;
const pinMask = 0x0f;
/** Its other bits are not there and read as 1. */
const absentBits = 0xf0;

/** A PCA9536: four pins behind I²C, each an input with a pull-up until it is made an output. */
export class Pca9536 {
  readonly #changed: (pins: number) => void;
  #pointer = 0;
  #output = pinMask;
  #polarity = 0;
  #inputs = pinMask;

  constructor(changed: (pins: number) => void) {
    this.#changed = changed;
  }

  /** Levels of the pins, bit 0 the first. */
  get pins(): number {
    return (this.#output | this.#inputs) & pinMask;
  }

  /** A register's number, then bytes for it. */
  write(bytes: Buffer): void {
    const [pointer, ...values] = bytes;
    if (pointer === undefined) return;
    this.#pointer = pointer & 3;
    const was = this.pins;
    for (const value of values) this.#set(value & pinMask);
    if (this.pins !== was) this.#changed(this.pins);
  }

  read(length: number): Buffer {
    return Buffer.alloc(length, this.#get() | absentBits);
  }

  #set(value: number): void {
    if (this.#pointer === registers.output) this.#output = value;
    if (this.#pointer === registers.polarity) this.#polarity = value;
    if (this.#pointer === registers.configuration) this.#inputs = value;
  }

  #get(): number {
    switch (this.#pointer) {
      case registers.input:
        return this.pins ^ this.#polarity;
      case registers.output:
        return this.#output;
      case registers.polarity:
        return this.#polarity;
      default:
        return this.#inputs;
    }
  }
}
