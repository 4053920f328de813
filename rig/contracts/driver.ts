import type { BoardConfig, DriverConfig } from './board.js';
import type { Cancellable, Capabilities, GpioEdge, LinkState, MuxSide, PowerState } from './capabilities.js';
import type { Json, RigError } from './errors.js';
import type { ExplorableMedium } from './powercut.js';

/** What the rig lends to a driver. */
export interface DriverContext {
  readonly board: BoardConfig;
  /** A folder of this board instance alone, mode 0700, for sockets and overlays; removed with the session. */
  readonly workDir: string;
  /** Files under here survive the session (UEFI variables of a board instance). */
  readonly stateDir: string;
  readonly emit: (event: DeviceEvent) => void;
}

/** What a device reports by itself. `exit` ends everything: nothing more will come from the board. */
export type DeviceEvent =
  | { readonly kind: 'power'; readonly state: PowerState; readonly cause: 'rig' | 'board' }
  | { readonly kind: 'reset'; readonly cause: 'rig' | 'board' }
  | { readonly kind: 'link'; readonly state: LinkState }
  | { readonly kind: 'mux'; readonly side: MuxSide }
  | ({ readonly kind: 'edge'; readonly line: string } & GpioEdge)
  | { readonly kind: 'panicked' }
  | { readonly kind: 'lost'; readonly error: RigError }
  | { readonly kind: 'note'; readonly name: string; readonly data: Json };

/** An opened device: the capabilities it gives, and its end. Disposing leaves the board off and nothing behind. */
export interface Device extends AsyncDisposable {
  /** Name and version, for the report's properties. */
  readonly driver: { readonly name: string; readonly version: string };
  readonly capabilities: Capabilities;
  /** CPU seconds (user and system) that playing the board has cost this host; absent for real ones. */
  cpuSeconds?(): number | undefined;
  /** Of virtual boards, for the power-cut explorer. */
  readonly explorable?: ExplorableMedium;
}

/**
 * A driver as the registry holds it. Importing its module does nothing; `validate` reports every problem of the
 * options at once; `open` acquires the device.
 */
export interface Driver {
  readonly name: string;
  /** Roles it can play in lab.yaml: `power`, `console`, …; `board` for one that gives everything. */
  readonly roles: readonly string[];
  /** @returns problems, each with the option's path; empty when all is well */
  validate(
    config: DriverConfig,
  ): readonly { readonly path: readonly (string | number)[]; readonly message: string }[];
  /**
   * Names of what the driver needs for itself alone (`tcp lab-server:4001`), the same for every spelling of the same
   * device: two boards that claim one are a mistake in the lab file. Called with valid options only.
   */
  claims?(config: DriverConfig): readonly string[];
  /** `lab`: its claims are words of one lab file, which may mean another device in another (a command by its name). Default: `machine`. */
  readonly claimScope?: 'machine' | 'lab';
  /** JSON Schema of the options, for `rig schema`. */
  readonly optionsSchema: { readonly [key: string]: Json };
  open(config: DriverConfig, context: DriverContext, options?: Cancellable): Promise<Device>;
}
