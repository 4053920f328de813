import type { Cancellable, Gpio, LineLevel } from '../rig/contracts/capabilities.js';
import type { DeviceEvent } from '../rig/contracts/driver.js';
import { messageOf, RigError } from '../rig/contracts/errors.js';
import { pause } from '../rig/lifetime/abortable.js';
import { type LineRegister, lineRegister } from './gpio-registers.js';
import type { Machine } from './machine.js';

/** QEMU tells no changes of these lines, so they are looked at this often. */
const lookEveryMs = 8;

/** Lines of a virtual board as the rig sees them from outside, through QEMU's monitor. */
export class VirtualGpio implements Gpio, Disposable {
  readonly #registers: Readonly<Record<string, LineRegister>>;
  readonly #machine: () => Machine | undefined;
  readonly #emit: (event: DeviceEvent) => void;
  readonly #watched = new Map<string, LineLevel>();
  #looking = false;
  #disposed = false;

  constructor(
    { lines, model }: { lines: Readonly<Record<string, number>>; model: string },
    { machine, emit }: { machine: () => Machine | undefined; emit: (event: DeviceEvent) => void },
  ) {
    this.#registers = Object.fromEntries(
      Object.entries(lines).map(([name, line]) => [
        name,
        lineRegister(model, line) ?? noLine(name, { line, model }),
      ]),
    );
    this.#machine = machine;
    this.#emit = emit;
  }

  async lines(): Promise<readonly string[]> {
    return Object.keys(this.#registers);
  }

  async read(line: string, { signal }: Cancellable = {}): Promise<LineLevel> {
    const register = this.#register(line);
    const machine = this.#machine();
    return machine ? levelIn(await readValue(machine, register.address, { signal }), register) : 0;
  }

  async watch(line: string, options: Cancellable = {}): Promise<void> {
    const level = await this.read(line, options);
    if (!this.#watched.has(line)) this.#watched.set(line, level);
    if (!this.#looking) void this.#look().catch((error: unknown) => this.#failed(error));
  }

  async unwatch(line: string): Promise<void> {
    this.#register(line);
    this.#watched.delete(line);
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
  }

  /** Each register is asked for once each time, whatever number of its lines is watched. */
  async #look(): Promise<void> {
    this.#looking = true;
    while (this.#watched.size > 0 && !this.#disposed) {
      const machine = this.#machine();
      const registers = [...this.#watched.keys()].map((line) => this.#register(line));
      const values = new Map<number, number>();
      for (const { address } of registers)
        if (!values.has(address)) values.set(address, machine ? await readValue(machine, address) : 0);
      const atNs = Number(process.hrtime.bigint());
      for (const [line, before] of this.#watched) {
        const register = this.#register(line);
        const level = levelIn(values.get(register.address) ?? 0, register);
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

  #register(line: string): LineRegister {
    const found = Object.hasOwn(this.#registers, line) ? this.#registers[line] : undefined;
    if (found) return found;
    throw new RigError(`The board has no line ${JSON.stringify(line)} that the rig can see`, {
      code: 'gpio.unknown-line',
      blame: 'config',
      hint: `Lines: ${Object.keys(this.#registers).join(', ') || 'none'}; name them in the board type.`,
    });
  }
}

function levelIn(value: number, { mask }: LineRegister): LineLevel {
  return (value & mask) === 0 ? 0 : 1;
}

function noLine(name: string, { line, model }: { line: number; model: string }): never {
  throw new RigError(
    `The machine ${model} has no GPIO line ${line}, which ${JSON.stringify(name)} shall be`,
    {
      code: 'gpio.unknown-line',
      blame: 'config',
      hint: 'Correct machine.lines of the board type.',
    },
  );
}

/** `0000000009030008: 0x00000002`; a machine that ended meanwhile drives its lines no more, and whoever owns it tells why. */
async function readValue(machine: Machine, address: number, options: Cancellable = {}): Promise<number> {
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
