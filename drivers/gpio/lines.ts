import { z } from 'zod';
import { packageVersion } from '../../rig/config/package.js';
import type { Gpio } from '../../rig/contracts/capabilities.js';
import type { Device, Driver, DriverContext } from '../../rig/contracts/driver.js';
import { RigError } from '../../rig/contracts/errors.js';
import { DisposalStack } from '../../rig/lifetime/disposal-stack.js';
import { SerialQueue } from '../../rig/lifetime/serial-queue.js';
import { chooseLines } from '../lines/choose.js';
import { wordsFor } from '../lines/find-line.js';
import type { InputLine, LineSource } from '../lines/line.js';
import { activeOption, biasOption, lineOption } from '../lines/line-options.js';
import { driverOptions } from '../options.js';

const options = driverOptions(
  z.strictObject({
    lines: z
      .record(
        z.string().regex(/^[a-z][a-z0-9-]*$/, {
          error: 'a name of small letters, digits and dashes, which suites use',
        }),
        z.strictObject({
          line: lineOption,
          active: activeOption.meta({ description: 'Level of the line that counts as 1.' }),
          bias: biasOption.meta({
            description: 'Pull resistor; pull-down keeps a line low whose board is off.',
          }),
        }),
      )
      .refine((lines) => Object.keys(lines).length > 0, { error: 'at least one line' })
      .meta({ description: 'Lines that the rig sees, by the names that suites use.' }),
  }),
);

type Parsed = ReturnType<typeof options.parse>;

/** Lines of this host that the rig watches: an LED of the board, a status pin. Held as inputs while the session lasts. */
export function gpioLinesDriver(source: () => Promise<LineSource> = chooseLines): Driver {
  return {
    name: 'gpio-lines',
    roles: ['gpio'],
    validate: options.validate,
    optionsSchema: options.optionsSchema,
    claims: (config) => Object.values(options.parse(config).lines).map(({ line }) => wordsFor(line)),
    open: async (config, context) =>
      WatchedLines.open(options.parse(config).lines, { lines: await source(), context }),
  };
}

class WatchedLines implements Device {
  readonly driver = { name: 'gpio-lines', version: packageVersion() };
  readonly capabilities: { readonly gpio: Gpio };
  readonly #lines: ReadonlyMap<string, InputLine>;
  readonly #context: DriverContext;
  readonly #stack: DisposalStack;
  /** Two calls at once must not both switch the edges of one line. */
  readonly #queue = new SerialQueue();

  private constructor(
    lines: ReadonlyMap<string, InputLine>,
    parts: { context: DriverContext; stack: DisposalStack },
  ) {
    this.#lines = lines;
    this.#context = parts.context;
    this.#stack = parts.stack;
    this.capabilities = {
      gpio: {
        lines: async () => [...lines.keys()],
        read: async (name, cancel) => {
          cancel?.signal?.throwIfAborted();
          return this.#line(name).get();
        },
        watch: async (name, cancel) => {
          const line = this.#line(name);
          await this.#queue.run(() => this.#watch(name, line), cancel);
        },
        unwatch: async (name, cancel) => {
          const line = this.#line(name);
          await this.#queue.run(() => line.unwatch(), cancel);
        },
      },
    };
  }

  static async open(
    wanted: Parsed['lines'],
    { lines, context }: { lines: LineSource; context: DriverContext },
  ): Promise<WatchedLines> {
    const stack = new DisposalStack();
    const held = new Map<string, InputLine>();
    try {
      for (const [name, { line, active, bias }] of Object.entries(wanted)) {
        const consumer = `rig ${context.board.name} ${name}`;
        held.set(
          name,
          stack.use(await lines.openInput(line, { consumer, activeLow: active === 'low', bias })),
        );
      }
    } catch (error) {
      await stack[Symbol.asyncDispose]();
      throw error;
    }
    context.emit({
      kind: 'note',
      name: 'gpio',
      data: `${[...held].map(([name, { label }]) => `${name} is ${label}`).join(', ')}: ${lines.reason}`,
    });
    return new WatchedLines(held, { context, stack });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack[Symbol.asyncDispose]();
  }

  #watch(name: string, line: InputLine): Promise<void> {
    const { emit } = this.#context;
    return line.watch({
      edge: (edge) => emit({ kind: 'edge', line: name, ...edge }),
      missed: (count) => emit({ kind: 'note', name: 'edges-missed', data: { line: name, count } }),
      lost: (cause) =>
        emit({
          kind: 'lost',
          error: new RigError(
            `The line "${name}" (${line.label}) can no longer be watched: ${cause.message}`,
            {
              code: 'gpio.chip-lost',
              blame: 'rig',
              hint: 'Look whether its adapter is plugged in (dmesg tells), then start the session again.',
              cause,
            },
          ),
        }),
    });
  }

  #line(name: string): InputLine {
    const line = this.#lines.get(name);
    if (line) return line;
    throw new RigError(
      `The board has no line ${JSON.stringify(name)}: it has ${[...this.#lines.keys()].join(', ')}`,
      {
        code: 'gpio.unknown-line',
        blame: 'config',
        hint: 'Name the line in drivers.gpio.lines of the board in the lab file.',
      },
    );
  }
}
