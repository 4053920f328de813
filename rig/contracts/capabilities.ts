import type { RigError } from './errors.js';
import type { Snapshots } from './snapshot.js';

/**
 * What a board can be asked to do. Contracts are minimal: what can be derived (`cycle`, `expect`, `login`)
 * is written once above the drivers, in `rig/core`.
 *
 * `reset` pulls a reset line; `powerButton` asks the running system to shut down; `mux` takes the medium out of the board
 * and puts it back; `netboot` answers a board that asks the network what to boot. `update` has no interface here: the profile says how a product is updated. `measure` has none yet and may already
 * be declared as a need: no board has it, so such tests are skipped with that reason.
 */
export const capabilityNames = [
  'power',
  'reset',
  'powerButton',
  'bootMode',
  'console',
  'storage',
  'mux',
  'netboot',
  'gpio',
  'link',
  'address',
  'shell',
  'update',
  'capture',
  'measure',
  'snapshots',
] as const;

export type CapabilityName = (typeof capabilityNames)[number];

export interface Cancellable {
  /** Aborting rejects the call with the signal's reason and leaves the device in a state `dispose` can end. */
  readonly signal?: AbortSignal | undefined;
}

export type PowerState = 'on' | 'off' | 'unknown';

/** Idempotent both ways. Resolves when the device says so, not when the command was sent. */
export interface Power {
  on(options?: Cancellable): Promise<void>;
  off(options?: Cancellable): Promise<void>;
  state(options?: Cancellable): Promise<PowerState>;
}

export interface Reset {
  reset(options?: Cancellable): Promise<void>;
}

export interface PowerButton {
  /** Presses once; the system decides what follows. Rejects when the board is off. */
  press(options?: Cancellable): Promise<void>;
}

/**
 * Where the board boots from, or whether it waits for a recovery tool: jumpers and straps, which a processor reads when it is
 * powered on. Closing the session puts the board back into its normal mode.
 */
export interface BootMode {
  /** The normal one first. */
  modes(): Promise<readonly string[]>;
  /** Undefined while it is between two, or a change was given up half-way. */
  mode(): Promise<string | undefined>;
  /**
   * Idempotent. Counts from the next power-on. Who sets it sees to it that the board is off: a strap may be an output of the board
   * while it runs.
   *
   * @throws RigError `boot-mode.unknown`
   */
  set(mode: string, options?: Cancellable): Promise<void>;
}

/** The byte stream of a serial line. Opened once, before the first power-on, and read until disposed. */
export interface ConsolePort {
  open(sink: ConsoleSink, options?: Cancellable): Promise<ConsoleLine>;
}

export interface ConsoleSink {
  /** The chunk may be reused by the caller after the call returns: copy what must stay. */
  data(chunk: Uint8Array): void;
  /** At most once, when the line is lost other than by `dispose` (adapter unplugged, process ended). */
  lost(error: RigError): void;
}

export interface ConsoleLine extends AsyncDisposable {
  write(bytes: Uint8Array, options?: Cancellable): Promise<void>;
  /** Holds the line for longer than any character lasts; a line that cannot lacks it. */
  sendBreak?(options?: Cancellable): Promise<void>;
}

export type LinkState = 'up' | 'down';

/** The board's network carrier, as the rig can cut and restore it. */
export interface Link {
  up(options?: Cancellable): Promise<void>;
  down(options?: Cancellable): Promise<void>;
  state(options?: Cancellable): Promise<LinkState>;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface Address {
  /** Where this host reaches the board's TCP `port`. Rejects with `address.unreachable-port` for a port that nothing maps. */
  endpoint(port: number, options?: Cancellable): Promise<Endpoint>;
  /** The address under which the board reaches this host. */
  hostAddress(options?: Cancellable): Promise<string>;
}

/** `dirty`: the medium held `image` and a board has since run from it. */
export type MediumState =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'image' | 'dirty'; readonly sha256: string; readonly path: string };

/** The medium that the board boots from. Every call but `state` needs the board off. */
export interface Storage {
  state(): MediumState;
  /** Puts `image` on the medium; the image itself is never changed. */
  provision(image: ImageFile, options?: ProvisionOptions): Promise<void>;
  /** Reads a byte range of the medium, for evidence from a dead board. */
  read(offset: number, length: number, options?: Cancellable): Promise<Uint8Array>;
  /** Copies the medium to `path` (sparse raw) so that it outlives the board. */
  keep(path: string, options?: Cancellable): Promise<void>;
}

export type MuxSide = 'rig' | 'board';

/** A medium that is at the rig: a block device or a file of this host. */
export interface Drive {
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * A medium that changes sides: an SD card behind a multiplexer, or a virtual board's. Idempotent both ways. Who switches it
 * sees to it that the board is off, unless its type says that the medium may move under power.
 */
export interface Mux {
  side(options?: Cancellable): Promise<MuxSide>;
  /** Resolves when the drive can be opened; nobody else may write to it until `toBoard`. */
  toRig(options?: Cancellable): Promise<Drive>;
  /** @param options `holds`: what was written and read back meanwhile; absent: the medium's content is unknown. */
  toBoard(options?: ToBoardOptions): Promise<void>;
}

export interface ToBoardOptions extends Cancellable {
  readonly holds?: ImageFile | undefined;
}

/**
 * Tells the board's firmware what to boot when it asks the network (DHCP or BOOTP, RFC 2131 and 951; files by TFTP, RFC 1350). Where
 * nobody tells it anything it goes on to its medium. Idempotent both ways.
 */
export interface Netboot {
  /** From the next power-on on, until `withdraw`. Who offers sees to it that the board is off: one that restarts may take it. */
  offer(files: BootFiles, options?: Cancellable): Promise<void>;
  /** Also while the board is on: what it has loaded it keeps. */
  withdraw(options?: Cancellable): Promise<void>;
}

/** What a board loads from the network. */
export interface BootFiles {
  /** A folder of this host; nothing outside of it is served. */
  readonly folder: string;
  /** Name in the folder of what the firmware loads first. */
  readonly bootFile: string;
}

export type LineLevel = 0 | 1;

/**
 * Lines of the board that the rig sees: an LED, a status pin. They have the names that the board's type or the lab file
 * gives them. A line of a board that is off is low.
 */
export interface Gpio {
  lines(): Promise<readonly string[]>;
  /** @throws RigError `gpio.unknown-line` */
  read(line: string, options?: Cancellable): Promise<LineLevel>;
  /**
   * From when it resolves until `unwatch`, every change of `line` is reported as a device event `edge`. Watching twice is
   * watching once. @throws RigError `gpio.unknown-line`
   */
  watch(line: string, options?: Cancellable): Promise<void>;
  unwatch(line: string, options?: Cancellable): Promise<void>;
}

/** One change of a line. */
export interface GpioEdge {
  readonly level: LineLevel;
  /** When it was seen, in nanoseconds of this host's monotonic clock (exact to 2 ns in the first 200 days after its boot). */
  readonly atNs: number;
}

/** What the board shows on its display: a virtual one's frame buffer, or what a grabber sees on the wire. */
export interface Capture {
  /** @returns the picture as it is now, a PNG (ISO/IEC 15948). @throws RigError `power.board-off` */
  picture(options?: Cancellable): Promise<Uint8Array>;
}

export interface ImageFile {
  readonly path: string;
  readonly sha256: string;
}

export interface ProvisionOptions extends Cancellable {
  /** Medium size where the rig may choose it (virtual boards); at least the image's. */
  readonly mediumBytes?: number;
}

/** What a driver gives to a board. A board is the union of what its drivers give. */
export interface Capabilities {
  readonly power?: Power;
  readonly reset?: Reset;
  readonly powerButton?: PowerButton;
  readonly bootMode?: BootMode;
  readonly console?: ConsolePort;
  readonly storage?: Storage;
  readonly mux?: Mux;
  readonly netboot?: Netboot;
  readonly gpio?: Gpio;
  readonly capture?: Capture;
  readonly link?: Link;
  readonly address?: Address;
  readonly snapshots?: Snapshots;
}

/** Those that a device gives by itself, so that a board can have each from another driver. */
export const deviceCapabilities = [
  'power',
  'reset',
  'powerButton',
  'bootMode',
  'console',
  'storage',
  'mux',
  'netboot',
  'gpio',
  'capture',
  'link',
  'address',
] as const satisfies readonly (CapabilityName & keyof Capabilities)[];

/** All that drivers give: what is saved as a whole only a driver of the whole board gives. */
export const drivenCapabilities = [...deviceCapabilities, 'snapshots'] as const;
