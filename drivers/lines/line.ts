import type { GpioEdge, LineLevel } from '../../rig/contracts/capabilities.js';

/** One line as the lab file names it. Levels are logical: of an active-low line, 1 is the low voltage. */
export interface WantedLine {
  /** Label of its chip, as `gpiodetect` prints it in brackets. */
  readonly chip?: string | undefined;
  /** Path of the USB device that the chip is in, `1-1.4`, or its serial number: for adapters of which there are several. */
  readonly usb?: string | undefined;
  readonly serial?: string | undefined;
  readonly name?: string | undefined;
  readonly offset?: number | undefined;
}

/** Pull resistor of an input. `as-is` leaves what the firmware or the device tree set. */
export type Bias = 'as-is' | 'disabled' | 'pull-up' | 'pull-down';

export interface OutputOptions {
  /** What the kernel tells others of who has the line. */
  readonly consumer: string;
  readonly activeLow: boolean;
  readonly initial: LineLevel;
}

export interface InputOptions {
  readonly consumer: string;
  readonly activeLow: boolean;
  readonly bias: Bias;
}

/** A line that this process drives, and nobody else while it is open. What it does after the end is the chip's affair. */
export interface OutputLine extends AsyncDisposable {
  readonly label: string;
  set(level: LineLevel): Promise<void>;
  get(): Promise<LineLevel>;
}

export interface EdgeListener {
  edge(edge: GpioEdge): void;
  /** The kernel dropped so many edges, because they came faster than they were read. */
  missed(count: number): void;
  /** The chip is gone; nothing more comes. */
  lost(error: Error): void;
}

/** A line that this process reads, and nobody else uses while it is open. */
export interface InputLine extends AsyncDisposable {
  readonly label: string;
  get(): Promise<LineLevel>;
  /** One listener at a time; from when it resolves every change is told. */
  watch(listener: EdgeListener): Promise<void>;
  unwatch(): Promise<void>;
}

/** GPIO lines by one of the kernel's interfaces. */
export interface LineSource {
  readonly kind: 'character-device' | 'sysfs';
  /** One sentence: which interface, and why this one. */
  readonly reason: string;
  /** @throws RigError `gpio.no-such-line`, `gpio.ambiguous-line`, `gpio.line-busy`, `gpio.denied` */
  openOutput(wanted: WantedLine, options: OutputOptions): Promise<OutputLine>;
  openInput(wanted: WantedLine, options: InputOptions): Promise<InputLine>;
}
