import { z } from 'zod';
import { packageVersion } from '../../rig/config/package.js';
import type { BootMode, Cancellable } from '../../rig/contracts/capabilities.js';
import type { Device, Driver, DriverContext } from '../../rig/contracts/driver.js';
import { RigError } from '../../rig/contracts/errors.js';
import { pause } from '../../rig/lifetime/abortable.js';
import { DisposalStack } from '../../rig/lifetime/disposal-stack.js';
import { SerialQueue } from '../../rig/lifetime/serial-queue.js';
import { duration } from '../../rig/schema/unit-schemas.js';
import { chooseLines } from '../lines/choose.js';
import { wordsFor } from '../lines/find-line.js';
import type { LineSource, OutputLine } from '../lines/line.js';
import { activeOption, lineOption } from '../lines/line-options.js';
import { driverOptions } from '../options.js';

const name = z.string().regex(/^[a-z][a-z0-9-]*$/, { error: 'a name of small letters, digits and dashes' });

const options = driverOptions(
  z
    .strictObject({
      jumpers: z
        .record(
          name,
          z.strictObject({
            line: lineOption,
            active: activeOption.meta({ description: 'Level of the line at which the jumper is set.' }),
          }),
        )
        .refine((jumpers) => Object.keys(jumpers).length > 0, { error: 'at least one jumper' })
        .meta({ description: 'Jumpers or straps of the board, each a relay or a wire on a GPIO line.' }),
      modes: z
        .record(name, z.array(name))
        .refine((modes) => Object.keys(modes).length > 0, { error: 'at least one mode' })
        .meta({ description: 'Which jumpers are set in each mode; the others are not.' }),
      normal: name.meta({ description: 'The mode that the board is in when nobody asked for another.' }),
      contact: duration
        .default(30)
        .meta({ description: 'Time that the contacts of a relay take to move and to stop bouncing.' }),
    })
    .superRefine(({ jumpers, modes, normal }, context) => {
      for (const [mode, set] of Object.entries(modes))
        for (const [index, jumper] of set.entries())
          if (!Object.hasOwn(jumpers, jumper))
            context.addIssue({
              code: 'custom',
              path: ['modes', mode, index],
              message: `one of the jumpers: ${Object.keys(jumpers).join(', ')}`,
            });
      if (!Object.hasOwn(modes, normal))
        context.addIssue({
          code: 'custom',
          path: ['normal'],
          message: `one of the modes: ${Object.keys(modes).join(', ')}`,
        });
    }),
);

type Parsed = ReturnType<typeof options.parse>;

/** Jumpers that choose what a board boots from, by relays or GPIO lines held while the session lasts. */
export function bootModeLinesDriver(source: () => Promise<LineSource> = chooseLines): Driver {
  return {
    name: 'boot-mode-lines',
    roles: ['bootMode'],
    validate: options.validate,
    optionsSchema: options.optionsSchema,
    claims: (config) => Object.values(options.parse(config).jumpers).map(({ line }) => wordsFor(line)),
    open: async (config, context) => Jumpers.open(options.parse(config), { lines: await source(), context }),
  };
}

class Jumpers implements Device {
  readonly driver = { name: 'boot-mode-lines', version: packageVersion() };
  readonly capabilities: { readonly bootMode: BootMode };
  readonly #options: Parsed;
  readonly #lines: ReadonlyMap<string, OutputLine>;
  readonly #stack: DisposalStack;
  readonly #emit: DriverContext['emit'];
  readonly #queue = new SerialQueue();
  #mode: string | undefined;

  private constructor(
    parsed: Parsed,
    parts: { lines: ReadonlyMap<string, OutputLine>; stack: DisposalStack; emit: DriverContext['emit'] },
  ) {
    this.#options = parsed;
    this.#lines = parts.lines;
    this.#stack = parts.stack;
    this.#emit = parts.emit;
    this.#mode = parsed.normal;
    this.capabilities = {
      bootMode: {
        modes: async () => [
          parsed.normal,
          ...Object.keys(parsed.modes).filter((mode) => mode !== parsed.normal),
        ],
        mode: async () => this.#mode,
        set: (mode, cancel) => this.#queue.run(() => this.#set(mode, cancel), cancel),
      },
    };
  }

  /** Every line begins as the normal mode has it, so that no relay moves that need not. */
  static async open(
    parsed: Parsed,
    { lines: source, context }: { lines: LineSource; context: DriverContext },
  ): Promise<Jumpers> {
    const stack = new DisposalStack();
    const lines = new Map<string, OutputLine>();
    const normal = parsed.modes[parsed.normal] ?? [];
    try {
      for (const [jumper, { line, active }] of Object.entries(parsed.jumpers))
        lines.set(
          jumper,
          stack.use(
            await source.openOutput(line, {
              consumer: `rig ${context.board.name} ${jumper}`,
              activeLow: active === 'low',
              initial: normal.includes(jumper) ? 1 : 0,
            }),
          ),
        );
    } catch (error) {
      await stack[Symbol.asyncDispose]();
      throw error;
    }
    context.emit({ kind: 'note', name: 'boot-mode', data: `${parsed.normal}: ${source.reason}` });
    const device = new Jumpers(parsed, { lines, stack, emit: context.emit });
    // A chip may keep its lines as they are when their files are closed.
    stack.defer(async () => {
      if (device.#mode !== parsed.normal) await device.#set(parsed.normal);
    });
    return device;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#queue.run(() => this.#stack[Symbol.asyncDispose]());
  }

  async #set(mode: string, { signal }: Cancellable = {}): Promise<void> {
    const wanted = Object.hasOwn(this.#options.modes, mode) ? this.#options.modes[mode] : undefined;
    if (!wanted) throw unknownMode(mode, Object.keys(this.#options.modes));
    if (this.#mode === mode) return;
    // Between two jumpers it is neither mode.
    this.#mode = undefined;
    for (const [jumper, line] of this.#lines) await line.set(wanted.includes(jumper) ? 1 : 0);
    await pause(this.#options.contact, { signal });
    this.#mode = mode;
    this.#emit({ kind: 'note', name: 'boot-mode', data: mode });
  }
}

function unknownMode(mode: string, modes: readonly string[]): RigError {
  return new RigError(`The board has no boot mode ${JSON.stringify(mode)}: it has ${modes.join(', ')}`, {
    code: 'boot-mode.unknown',
    blame: 'config',
    hint: 'Name the mode in drivers.bootMode.modes of the board in the lab file.',
  });
}
