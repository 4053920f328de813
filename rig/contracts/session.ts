import type { BoardConfig } from './board.js';
import type { Cancellable, Capabilities, CapabilityName } from './capabilities.js';
import type { DeviceEvent } from './driver.js';
import type { RigError } from './errors.js';

/**
 * One owner of a board. A session lives in one process (`rig up`'s background process, or a run) and is reached from
 * others over its unix socket; both ends offer this same interface, so that what uses a board does not ask which.
 */
export interface BoardSession extends AsyncDisposable {
  readonly board: BoardConfig;
  readonly drivers: readonly { readonly name: string; readonly version: string }[];
  readonly has: ReadonlySet<CapabilityName>;
  /** All but the console, which belongs to the session: it is opened once and read all the time. */
  readonly capabilities: Omit<Capabilities, 'console'>;
  /** Absent on a board without one. */
  readonly console?: SessionConsole;
  /** What the devices report by themselves, from now on. */
  onEvent(listener: (event: DeviceEvent) => void): Disposable;
  /** Host CPU seconds spent on playing the board so far; undefined for real ones. */
  cpuSeconds(): Promise<number | undefined>;
}

export interface SessionConsole {
  write(bytes: Uint8Array, options?: Cancellable): Promise<void>;
  /** @throws RigError `console.no-break` for a line that cannot */
  sendBreak(options?: Cancellable): Promise<void>;
  /** Every byte from now on, in order; `from: 'tail'` begins with the last 64 KiB that were seen. */
  subscribe(reader: ConsoleReader, options?: { readonly from?: 'now' | 'tail' }): Disposable;
}

export interface ConsoleReader {
  /** The chunk may be reused after the call returns. */
  data(chunk: Uint8Array): void;
  /** At most once; nothing comes after it. */
  lost(error: RigError): void;
  /** This reader was too slow and missed so many bytes. A reader without it is `lost` (`session.reader-too-slow`). */
  gap?(missedBytes: number): void;
}

/** Who uses a board, as a second comer is told. */
export interface Holder {
  readonly pid: number;
  /** `rig run boot networking`, `rig up`. */
  readonly command: string;
  readonly user: string;
  readonly host: string;
  /** ISO 8601 UTC. */
  readonly since: string;
}
