import type { MachineSpec } from '../rig/contracts/board.js';
import type { Cancellable, ConsoleLine, ConsolePort, ConsoleSink } from '../rig/contracts/capabilities.js';
import { RigError } from '../rig/contracts/errors.js';
import { consoleChardev } from './command-line.js';
import type { Machine } from './machine.js';

/** One serial line over all the QEMUs of a board: silent while it is off, and never closed by a power cycle. */
export class VirtualConsole implements ConsolePort {
  readonly #board: string;
  readonly #machine: () => Machine | undefined;
  readonly #spec: MachineSpec;
  #sink: ConsoleSink | undefined;

  constructor(board: string, parts: { machine(): Machine | undefined; spec: MachineSpec }) {
    this.#board = board;
    this.#machine = parts.machine;
    this.#spec = parts.spec;
  }

  /** What QEMU sent; without a listener it is dropped, as on a wire that nobody holds. */
  received(chunk: Uint8Array): void {
    this.#sink?.data(chunk);
  }

  /** @throws RigError `console.busy`: it is open already */
  async open(sink: ConsoleSink, { signal }: Cancellable = {}): Promise<ConsoleLine> {
    signal?.throwIfAborted();
    if (this.#sink) {
      throw new RigError(`The console of board "${this.#board}" is open already`, {
        code: 'console.busy',
        blame: 'rig',
        hint: 'One session reads the console; attach to it.',
      });
    }
    this.#sink = sink;
    return {
      write: (bytes, options = {}) =>
        this.#send(sink, { act: (machine) => machine.write(bytes, options), ...options }),
      sendBreak: (options = {}) => {
        const id = consoleChardev(this.#spec);
        const act = (machine: Machine) => machine.execute('chardev-send-break', { id }, options);
        return this.#send(sink, { act, ...options });
      },
      [Symbol.asyncDispose]: async () => {
        if (this.#sink === sink) this.#sink = undefined;
      },
    };
  }

  async #send(
    sink: ConsoleSink,
    { act, signal }: Cancellable & { act(machine: Machine): Promise<unknown> },
  ): Promise<void> {
    signal?.throwIfAborted();
    const machine = this.#machine();
    if (this.#sink !== sink || !machine) throw this.#off();
    try {
      await act(machine);
    } catch (cause) {
      signal?.throwIfAborted();
      throw this.#off(cause);
    }
  }

  #off(cause?: unknown): RigError {
    return new RigError(`Cannot write to the console of board "${this.#board}": the board is off`, {
      code: 'console.off',
      blame: 'suite',
      hint: 'Power the board on first.',
      cause,
    });
  }
}
