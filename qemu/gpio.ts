import type { Cancellable, Gpio, LineLevel } from '../rig/contracts/capabilities.js';
import type { DeviceEvent } from '../rig/contracts/driver.js';
import { messageOf, RigError } from '../rig/contracts/errors.js';
import { pause } from '../rig/lifetime/abortable.js';
import type { Machine } from './machine.js';

/**
 * The PL061 of the "virt" machine (qemu: hw/arm/virt.c, VIRT_GPIO). Its data register is there at 256 addresses: bits 9 to 2
 * of the address are a mask of the lines that are read (Arm PrimeCell GPIO PL061 manual, DDI 0190B, 3.3.1).
 */
const dataRegister = 0x0903_0000;

/** QEMU tells no changes of these lines, so they are looked at this often. */
const lookEveryMs = 8;

/** Lines of a virtual board as the rig sees them from outside, through QEMU's monitor. */
export class VirtualGpio implements Gpio, Disposable {
  readonly #numbers: Readonly<Record<string, number>>;
  readonly #machine: () => Machine | undefined;
  readonly #emit: (event: DeviceEvent) => void;
  readonly #watched = new Map<string, LineLevel>();
  #looking = false;
  #disposed = false;

  constructor(
    lines: Readonly<Record<string, number>>,
    { machine, emit }: { machine: () => Machine | undefined; emit: (event: DeviceEvent) => void },
  ) {
    this.#numbers = lines;
    this.#machine = machine;
    this.#emit = emit;
  }

  async lines(): Promise<readonly string[]> {
    return Object.keys(this.#numbers);
  }

  async read(line: string, { signal }: Cancellable = {}): Promise<LineLevel> {
    const mask = 1 << this.#number(line);
    const machine = this.#machine();
    return machine && ((await registerOf(machine, mask, { signal })) & mask) !== 0 ? 1 : 0;
  }

  async watch(line: string, options: Cancellable = {}): Promise<void> {
    const level = await this.read(line, options);
    if (!this.#watched.has(line)) this.#watched.set(line, level);
    if (!this.#looking) void this.#look().catch((error: unknown) => this.#failed(error));
  }

  async unwatch(line: string): Promise<void> {
    this.#number(line);
    this.#watched.delete(line);
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
  }

  /** All watched lines with one question each time. */
  async #look(): Promise<void> {
    this.#looking = true;
    while (this.#watched.size > 0 && !this.#disposed) {
      const machine = this.#machine();
      const mask = [...this.#watched.keys()].reduce((all, line) => all | (1 << this.#number(line)), 0);
      const value = machine ? await registerOf(machine, mask) : 0;
      const atNs = Number(process.hrtime.bigint());
      for (const [line, before] of this.#watched) {
        const level = (value & (1 << this.#number(line))) === 0 ? 0 : 1;
        if (level === before) continue;
        this.#watched.set(line, level);
        this.#emit({ kind: 'edge', line, level, atNs });
      }
      await pause(lookEveryMs);
    }
    this.#looking = false;
  }

  /** Who watches must not take silence for a line that does not change. */
  #failed(error: unknown): void {
    this.#looking = false;
    this.#watched.clear();
    const why = messageOf(error);
    this.#emit({ kind: 'note', name: 'gpio-lost', data: why });
  }

  #number(line: string): number {
    if (Object.hasOwn(this.#numbers, line)) return this.#numbers[line] as number;
    throw new RigError(`The board has no line ${JSON.stringify(line)} that the rig can see`, {
      code: 'gpio.unknown-line',
      blame: 'config',
      hint: `Lines: ${Object.keys(this.#numbers).join(', ') || 'none'}; name them in the board type.`,
    });
  }
}

/** `0000000009030008: 0x00000002`; a machine that ended meanwhile drives its lines no more, and whoever owns it tells why. */
async function registerOf(machine: Machine, mask: number, options: Cancellable = {}): Promise<number> {
  const address = dataRegister + (mask << 2);
  const command = { 'command-line': `xp /1wx 0x${address.toString(16)}` };
  try {
    const answer = String(await machine.execute('human-monitor-command', command, options));
    return Number(/:\s*(0x[0-9a-f]+)/.exec(answer)?.[1] ?? 0);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof RigError && error.code !== 'qmp.command-failed') return 0;
    throw error;
  }
}
