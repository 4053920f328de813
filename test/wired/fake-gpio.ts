import { type GpioKernel, KernelError } from '../../drivers/lines/kernel.js';

/**
 * A chip as the kernel shows it, one system call deep: it reads the requests as include/uapi/linux/gpio.h lays them out, by
 * offsets of its own (those that `offsetof` gives in C), and keeps what the kernel keeps: one user a line, direction, level.
 */
export interface FakeChip {
  readonly path: string;
  readonly label: string;
  readonly names: readonly string[];
  readonly usb?: string;
  readonly serial?: string;
}

interface Line {
  level: 0 | 1;
  flags: bigint;
  consumer: string;
  users: number;
  sequence: number;
}

const activeLow = 2n;
const outputFlag = 8n;
const edgeFlags = 0x30n;

export class FakeGpio implements GpioKernel {
  readonly #chips: readonly FakeChip[];
  readonly #lines = new Map<string, Line>();
  readonly #files = new Map<
    number,
    { chip: FakeChip; offset?: number; events: Buffer[]; ready?: (() => void) | undefined }
  >();
  readonly #listeners = new Set<(name: string, voltage: 0 | 1) => void>();
  #next = 100;
  /** Answers like a kernel before 5.10. */
  old = false;
  denied = false;
  readonly calls: string[] = [];

  constructor(chips: readonly FakeChip[]) {
    this.#chips = chips;
    for (const chip of chips)
      for (const offset of chip.names.keys())
        this.#lines.set(`${chip.path}:${offset}`, {
          level: 0,
          flags: 0n,
          consumer: '',
          users: 0,
          sequence: 0,
        });
  }

  get openFiles(): number {
    return this.#files.size;
  }

  /** Told of every change of an output, by its voltage. */
  onOutput(listener: (name: string, voltage: 0 | 1) => void): void {
    this.#listeners.add(listener);
  }

  voltage(name: string): 0 | 1 {
    return this.#named(name).line.level;
  }

  consumer(name: string): string {
    return this.#named(name).line.consumer;
  }

  /** Somebody else drives the line. */
  drive(name: string, voltage: 0 | 1, atNs: bigint = process.hrtime.bigint()): void {
    const { chip, offset, line } = this.#named(name);
    if (line.level === voltage) return;
    line.level = voltage;
    for (const file of this.#files.values()) {
      if (file.chip !== chip || file.offset !== offset || (line.flags & edgeFlags) === 0n) continue;
      line.sequence += 1;
      const bytes = Buffer.alloc(48);
      bytes.writeBigUInt64LE(atNs, 0);
      bytes.writeUInt32LE(voltage !== (line.flags & activeLow ? 1 : 0) ? 1 : 2, 8);
      bytes.writeUInt32LE(offset, 12);
      bytes.writeUInt32LE(line.sequence, 16);
      bytes.writeUInt32LE(line.sequence, 20);
      file.events.push(bytes);
      setImmediate(() => file.ready?.());
    }
  }

  /** The kernel's own use of a line (an LED), or another process. */
  take(name: string, consumer: string): void {
    const { line } = this.#named(name);
    line.users += 1;
    line.consumer = consumer;
  }

  /** Drops the oldest events that nobody has read, as a full buffer does. */
  overflow(name: string, count: number): void {
    this.#named(name).line.sequence += count;
  }

  chipPaths(): string[] {
    return this.#chips.map(({ path }) => path);
  }

  placeOf(path: string): { usb?: string; serial?: string } {
    const { usb, serial } = this.#chips.find((chip) => chip.path === path) ?? {};
    return { ...(usb === undefined ? {} : { usb }), ...(serial === undefined ? {} : { serial }) };
  }

  open(path: string): number {
    if (this.denied) throw new KernelError('open', 'EACCES');
    const chip = this.#chips.find((each) => each.path === path);
    if (!chip) throw new KernelError('open', 'ENOENT');
    this.#files.set(++this.#next, { chip, events: [] });
    return this.#next;
  }

  close(number: number): void {
    const file = this.#files.get(number);
    if (!file) throw new KernelError('close', 'EBADF');
    this.#files.delete(number);
    if (file.offset === undefined) return;
    const line = this.#at(file.chip, file.offset);
    Object.assign(line, { users: 0, consumer: '', flags: 0n });
  }

  read(number: number, bytes: Buffer): number {
    const file = this.#files.get(number);
    const events = file?.events.splice(0, Math.floor(bytes.length / 48)) ?? [];
    return Buffer.concat(events).copy(bytes);
  }

  watch(number: number, on: { ready(): void }): Disposable {
    const file = this.#files.get(number);
    if (!file) throw new KernelError('epoll_ctl', 'EBADF');
    file.ready = () => {
      if (file.events.length > 0) on.ready();
    };
    return {
      [Symbol.dispose]: () => {
        file.ready = undefined;
      },
    };
  }

  ioctl(number: number, request: number, bytes: Buffer): void {
    const file = this.#files.get(number);
    if (!file) throw new KernelError('ioctl', 'EBADF');
    // The size of the argument stands in the request itself (ioctl(2), _IOC_SIZE).
    if (((request >>> 16) & 0x3fff) !== bytes.length) throw new KernelError('ioctl', 'EFAULT');
    const call = (request & 0xff) as keyof typeof calls;
    this.calls.push(calls[call] ?? String(call));
    if (this.old && call !== 1) throw new KernelError('ioctl', 'EINVAL');
    const { chip } = file;
    if (call === 1) {
      bytes.write('gpiochip0', 0);
      bytes.write(chip.label, 32);
      bytes.writeUInt32LE(chip.names.length, 64);
    } else if (call === 5) {
      const offset = bytes.readUInt32LE(64);
      const line = this.#at(chip, offset);
      bytes.write(chip.names[offset] ?? '', 0);
      bytes.write(line.consumer, 32);
      bytes.writeBigUInt64LE(line.flags | (line.users > 0 ? 1n : 0n), 72);
    } else if (call === 7) {
      const offset = bytes.readUInt32LE(0);
      const line = this.#at(chip, offset);
      if (bytes.readUInt32LE(560) !== 1) throw new KernelError('ioctl', 'EINVAL');
      if (line.users > 0) throw new KernelError('ioctl', 'EBUSY');
      line.users = 1;
      line.consumer = bytes.subarray(256, 288).toString('latin1').replace(/\0.*$/s, '');
      this.#configure({ chip, offset, line }, bytes.subarray(288, 560));
      this.#files.set(++this.#next, { chip, offset, events: [] });
      bytes.writeInt32LE(this.#next, 588);
    } else {
      const { offset } = file;
      if (offset === undefined) throw new KernelError('ioctl', 'EINVAL');
      const line = this.#at(chip, offset);
      const low = (line.flags & activeLow) !== 0n ? 1 : 0;
      if (call === 0xd) this.#configure({ chip, offset, line }, bytes);
      else if (bytes.readBigUInt64LE(8) !== 1n) throw new KernelError('ioctl', 'EINVAL');
      else if (call === 0xe) bytes.writeBigUInt64LE(BigInt(line.level ^ low), 0);
      else if ((line.flags & outputFlag) === 0n) throw new KernelError('ioctl', 'EPERM');
      else this.#output(chip, { offset, line, level: Number(bytes.readBigUInt64LE(0) & 1n) as 0 | 1 });
    }
  }

  #configure(at: { chip: FakeChip; offset: number; line: Line }, config: Buffer): void {
    at.line.flags = config.readBigUInt64LE(0);
    if ((at.line.flags & outputFlag) === 0n) return;
    const hasValue = config.readUInt32LE(8) === 1 && config.readUInt32LE(32) === 2;
    const level = hasValue ? (Number(config.readBigUInt64LE(40) & config.readBigUInt64LE(48)) as 0 | 1) : 0;
    this.#output(at.chip, { offset: at.offset, line: at.line, level });
  }

  #output(chip: FakeChip, { offset, line, level }: { offset: number; line: Line; level: 0 | 1 }): void {
    line.level = (level ^ ((line.flags & activeLow) !== 0n ? 1 : 0)) as 0 | 1;
    for (const listener of this.#listeners) listener(chip.names[offset] ?? '', line.level);
  }

  #at(chip: FakeChip, offset: number): Line {
    const line = this.#lines.get(`${chip.path}:${offset}`);
    if (!line) throw new KernelError('ioctl', 'EINVAL');
    return line;
  }

  #named(name: string): { chip: FakeChip; offset: number; line: Line } {
    for (const chip of this.#chips) {
      const offset = chip.names.indexOf(name);
      if (offset !== -1) return { chip, offset, line: this.#at(chip, offset) };
    }
    throw new Error(`no line ${name}`);
  }
}

/** _IOC_NR of the requests in include/uapi/linux/gpio.h. */
const calls = {
  1: 'chip-info',
  5: 'line-info',
  7: 'line',
  13: 'set-config',
  14: 'get-values',
  15: 'set-values',
};
