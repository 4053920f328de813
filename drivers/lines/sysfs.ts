import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LineLevel } from '../../rig/contracts/capabilities.js';
import { RigError } from '../../rig/contracts/errors.js';
import { type Chip, findLine } from './find-line.js';
import { usbPlaceOf } from './kernel.js';
import type {
  EdgeListener,
  InputLine,
  InputOptions,
  LineSource,
  OutputLine,
  OutputOptions,
  WantedLine,
} from './line.js';

/** What is used of onoff's `Gpio`. */
export interface SysfsGpio {
  read(): Promise<0 | 1>;
  write(value: 0 | 1): Promise<void>;
  watch(callback: (error: Error | null | undefined, value: 0 | 1) => void): void;
  unwatchAll(): void;
  unexport(): void;
}

export type MakeSysfsGpio = (
  number: number,
  direction: 'in' | 'high' | 'low',
  edge: 'none' | 'both',
  options: { activeLow: boolean },
) => SysfsGpio;

interface SysfsChip extends Chip {
  /** Number of its first line in the kernel's one list of all lines: 512 for a Raspberry Pi's since Linux 6.6. */
  readonly base: number;
}

/**
 * GPIO lines by /sys/class/gpio, for kernels before 5.10. Weaker in three ways that no code can mend: a line is not held
 * against others who write to sysfs, it has no name (give its offset), and the time of an edge is when this process woke up.
 */
export class SysfsLines implements LineSource {
  readonly kind = 'sysfs';
  readonly reason: string;
  readonly #make: MakeSysfsGpio;
  readonly #folder: string;

  constructor(
    make: MakeSysfsGpio,
    { reason, folder = '/sys/class/gpio' }: { reason: string; folder?: string },
  ) {
    this.#make = make;
    this.#folder = folder;
    this.reason = reason;
  }

  async openOutput(wanted: WantedLine, { activeLow, initial }: OutputOptions): Promise<OutputLine> {
    const { number, label } = this.#find(wanted);
    // `high` and `low` are voltages and set direction and level in one step, so that a relay does not twitch.
    const gpio = this.#open(label, () =>
      this.#make(number, (initial === 1) !== activeLow ? 'high' : 'low', 'none', { activeLow }),
    );
    return {
      label,
      set: (level) => gpio.write(level),
      get: () => gpio.read(),
      [Symbol.asyncDispose]: async () => gpio.unexport(),
    };
  }

  async openInput(wanted: WantedLine, { activeLow, bias }: InputOptions): Promise<InputLine> {
    const { number, label } = this.#find(wanted);
    if (bias !== 'as-is')
      throw new RigError(`Cannot set the bias of ${label}: sysfs knows none`, {
        code: 'gpio.no-bias',
        blame: 'config',
        hint: 'Leave bias out and set it in the device tree, or use a kernel from 5.10 on.',
      });
    return new SysfsInput(
      label,
      this.#open(label, () => this.#make(number, 'in', 'both', { activeLow })),
    );
  }

  #find(wanted: WantedLine): { number: number; label: string } {
    const { chip, offset, label } = findLine(wanted, { chips: this.#chips(), nameOf: () => '' });
    return { number: (chip as SysfsChip).base + offset, label };
  }

  #chips(): SysfsChip[] {
    const read = (name: string, file: string): string =>
      readFileSync(join(this.#folder, name, file), 'utf8').trim();
    return readdirSync(this.#folder)
      .filter((name) => /^gpiochip\d+$/.test(name))
      .map((name) => ({
        path: join(this.#folder, name),
        label: read(name, 'label'),
        lines: Number(read(name, 'ngpio')),
        base: Number(read(name, 'base')),
        ...usbPlaceOf(join(this.#folder, name)),
      }));
  }

  #open<T>(label: string, open: () => T): T {
    try {
      return open();
    } catch (cause) {
      const code = (cause as { code?: string }).code;
      throw new RigError(`Cannot open ${label}: ${(cause as Error).message}`, {
        code: code === 'EBUSY' ? 'gpio.line-busy' : code === 'EACCES' ? 'gpio.denied' : 'gpio.failed',
        blame: 'rig',
        hint: 'Look who uses the line (/sys/kernel/debug/gpio, as root), and whether this user is in the group gpio.',
        cause,
      });
    }
  }
}

class SysfsInput implements InputLine {
  readonly label: string;
  readonly #gpio: SysfsGpio;
  #watching = false;

  constructor(label: string, gpio: SysfsGpio) {
    this.label = label;
    this.#gpio = gpio;
  }

  get(): Promise<LineLevel> {
    return this.#gpio.read();
  }

  async watch(listener: EdgeListener): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    let last = await this.#gpio.read();
    this.#gpio.watch((error, level) => {
      if (error) return listener.lost(error);
      // Two edges between two wake-ups leave the level as it was: sysfs cannot tell them.
      if (level === last) return;
      last = level;
      listener.edge({ level, atNs: Number(process.hrtime.bigint()) });
    });
  }

  async unwatch(): Promise<void> {
    this.#watching = false;
    this.#gpio.unwatchAll();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#gpio.unwatchAll();
    this.#gpio.unexport();
  }
}
