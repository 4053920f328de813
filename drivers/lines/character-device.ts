import type { LineLevel } from '../../rig/contracts/capabilities.js';
import { RigError } from '../../rig/contracts/errors.js';
import { type Chip, type FoundLine, findLine, wordsFor } from './find-line.js';
import type { GpioKernel } from './kernel.js';
import type {
  Bias,
  EdgeListener,
  InputLine,
  InputOptions,
  LineSource,
  OutputLine,
  OutputOptions,
  WantedLine,
} from './line.js';
import {
  decodeChipInfo,
  decodeLineEvents,
  decodeLineInfo,
  decodeLineValues,
  encodeLineConfig,
  encodeLineInfoRequest,
  encodeLineRequest,
  encodeLineValues,
  flags,
  lineFileOf,
  requests,
  sizes,
} from './uapi.js';

/** GPIO lines by the character device: held while open, edges stamped by the kernel. */
export class CharacterDeviceLines implements LineSource {
  readonly kind = 'character-device';
  readonly reason: string;
  readonly #kernel: GpioKernel;

  constructor(kernel: GpioKernel, { reason }: { reason: string }) {
    this.#kernel = kernel;
    this.reason = reason;
  }

  async openOutput(wanted: WantedLine, options: OutputOptions): Promise<OutputLine> {
    const line = this.#open(wanted, {
      consumer: options.consumer,
      flags: flags.output | (options.activeLow ? flags.activeLow : 0n),
      output: options.initial,
    });
    return {
      label: line.label,
      set: async (level) => line.ioctl(requests.setValues, encodeLineValues(level)),
      get: async () => line.level(),
      [Symbol.asyncDispose]: async () => line.close(),
    };
  }

  async openInput(wanted: WantedLine, options: InputOptions): Promise<InputLine> {
    const base = flags.input | (options.activeLow ? flags.activeLow : 0n) | biasFlags[options.bias];
    const line = this.#open(wanted, { consumer: options.consumer, flags: base });
    return new Input(line, { base, kernel: this.#kernel });
  }

  #open(wanted: WantedLine, request: { consumer: string; flags: bigint; output?: LineLevel }): OpenLineFile {
    const { chip, offset, label } = this.#find(wanted);
    return this.#withChip(chip.path, (file) => {
      const bytes = encodeLineRequest({ offset, ...request });
      try {
        this.#kernel.ioctl(file, requests.line, bytes);
      } catch (cause) {
        const info = this.#lineInfo(file, offset);
        throw lineError(label, { cause, consumer: info.used ? info.consumer : undefined });
      }
      return new OpenLineFile(this.#kernel, { file: lineFileOf(bytes), label });
    });
  }

  #find(wanted: WantedLine): FoundLine {
    const names = new Map<string, string[]>();
    const denied: unknown[] = [];
    const chips: Chip[] = [];
    for (const path of this.#kernel.chipPaths())
      try {
        chips.push(
          this.#withChip(path, (file) => {
            const bytes = Buffer.alloc(sizes.chipInfo);
            this.#kernel.ioctl(file, requests.chipInfo, bytes);
            const { label, lines } = decodeChipInfo(bytes);
            names.set(
              path,
              Array.from({ length: lines }, (_, offset) => this.#lineInfo(file, offset).name),
            );
            return { path, label, lines, ...this.#kernel.placeOf(path) };
          }),
        );
      } catch (error) {
        denied.push(error);
      }
    if (chips.length === 0 && denied.length > 0) throw chipError(wanted, denied[0]);
    return findLine(wanted, { chips, nameOf: (chip, offset) => names.get(chip.path)?.[offset] ?? '' });
  }

  #lineInfo(file: number, offset: number): ReturnType<typeof decodeLineInfo> {
    const bytes = encodeLineInfoRequest(offset);
    this.#kernel.ioctl(file, requests.lineInfo, bytes);
    return decodeLineInfo(bytes);
  }

  #withChip<T>(path: string, act: (file: number) => T): T {
    const file = this.#kernel.open(path);
    try {
      return act(file);
    } finally {
      this.#kernel.close(file);
    }
  }
}

const biasFlags: Readonly<Record<Bias, bigint>> = {
  'as-is': 0n,
  disabled: flags.biasDisabled,
  'pull-up': flags.biasPullUp,
  'pull-down': flags.biasPullDown,
};

/** The file of one line that the kernel gave us. */
class OpenLineFile {
  readonly label: string;
  readonly file: number;
  readonly #kernel: GpioKernel;
  #open = true;

  constructor(kernel: GpioKernel, { file, label }: { file: number; label: string }) {
    this.#kernel = kernel;
    this.file = file;
    this.label = label;
  }

  /** @throws RigError `gpio.closed`, `gpio.chip-lost` when the adapter was unplugged */
  ioctl(request: number, bytes: Buffer): void {
    if (!this.#open)
      throw new RigError(`Cannot use ${this.label}: it was closed`, {
        code: 'gpio.closed',
        blame: 'rig',
        hint: 'The session that held the board has ended; start it again.',
      });
    try {
      this.#kernel.ioctl(this.file, request, bytes);
    } catch (cause) {
      throw lineError(this.label, { cause });
    }
  }

  level(): LineLevel {
    const bytes = encodeLineValues(0);
    this.ioctl(requests.getValues, bytes);
    return decodeLineValues(bytes);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#kernel.close(this.file);
  }
}

class Input implements InputLine {
  readonly #line: OpenLineFile;
  readonly #base: bigint;
  readonly #kernel: GpioKernel;
  #watch: Disposable | undefined;
  #sequence = 0;

  constructor(line: OpenLineFile, { base, kernel }: { base: bigint; kernel: GpioKernel }) {
    this.#line = line;
    this.#base = base;
    this.#kernel = kernel;
  }

  get label(): string {
    return this.#line.label;
  }

  async get(): Promise<LineLevel> {
    return this.#line.level();
  }

  async watch(listener: EdgeListener): Promise<void> {
    if (this.#watch) return;
    this.#line.ioctl(requests.setConfig, encodeLineConfig(this.#base | flags.edgeRising | flags.edgeFalling));
    this.#watch = this.#kernel.watch(this.#line.file, {
      ready: () => this.#read(listener),
      failed: (error) => listener.lost(error),
    });
  }

  async unwatch(): Promise<void> {
    if (!this.#watch) return;
    this.#watch[Symbol.dispose]();
    this.#watch = undefined;
    this.#line.ioctl(requests.setConfig, encodeLineConfig(this.#base));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    this.#line.close();
  }

  #read(listener: EdgeListener): void {
    const bytes = Buffer.alloc(sizes.lineEvent * 64);
    let length: number;
    try {
      length = this.#kernel.read(this.#line.file, bytes);
    } catch (error) {
      this.#watch?.[Symbol.dispose]();
      this.#watch = undefined;
      listener.lost(error as Error);
      return;
    }
    for (const { rising, timestampNs, sequence } of decodeLineEvents(bytes.subarray(0, length))) {
      // The kernel counts from the request of the line on, and drops the oldest first: the first that is read may be late.
      if (sequence > this.#sequence + 1) listener.missed(sequence - this.#sequence - 1);
      this.#sequence = sequence;
      listener.edge({ level: rising ? 1 : 0, atNs: Number(timestampNs) });
    }
  }
}

function lineError(
  label: string,
  { cause, consumer }: { cause: unknown; consumer?: string | undefined },
): RigError {
  const code = (cause as { code?: string }).code;
  if (code === 'EBUSY')
    return new RigError(
      `Cannot open ${label}: ${consumer === undefined || consumer === '' ? 'somebody' : JSON.stringify(consumer)} has it`,
      {
        code: 'gpio.line-busy',
        blame: 'rig',
        hint: 'gpioinfo names who uses each line; a kernel driver (an LED, a key) holds its line until it is unbound.',
        cause,
      },
    );
  const gone = code === 'ENODEV';
  return new RigError(
    gone ? `${label} is gone: its adapter was unplugged` : `Cannot use ${label}: ${(cause as Error).message}`,
    {
      code: gone ? 'gpio.chip-lost' : 'gpio.failed',
      blame: 'rig',
      hint: gone
        ? 'Plug the adapter in again, then start the session anew.'
        : 'Look whether the chip can do what the options ask of the line (bias, direction): gpioinfo shows its flags.',
      cause,
    },
  );
}

function chipError(wanted: WantedLine, cause: unknown): RigError {
  const denied = ['EACCES', 'EPERM'].includes((cause as { code?: string }).code ?? '');
  return new RigError(`Cannot look for ${wordsFor(wanted)}: ${(cause as Error).message}`, {
    code: denied ? 'gpio.denied' : 'gpio.failed',
    blame: 'rig',
    hint: denied
      ? 'Join the group that owns /dev/gpiochip* (gpio; a udev rule gives it to one) and log in again.'
      : 'gpiodetect shows whether the kernel answers at all.',
    cause,
  });
}
