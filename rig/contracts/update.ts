import type { BundleRequest } from './image-builder.js';
import type { WaitOptions } from './suite.js';

/** An update of a product's system: a file of this host. */
export interface Bundle {
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Of the system in it; absent where the rig does not know. */
  readonly version?: string;
  /** The product that it says it is for. */
  readonly compatible?: string;
}

/** Ways to spoil a bundle: its second half is missing; one byte in its middle is another. */
export type BundleDamage = 'truncated' | 'byte';

/** What a bundle is to be like. Without `version` it is the update of the run: what `--update` names, else the next version of the run's image. */
export interface WantedBundle extends Pick<BundleRequest, 'fault' | 'compatible' | 'signer'> {
  readonly version?: string;
  readonly damage?: BundleDamage;
}

/** One of the places that a product's system can be in. */
export interface UpdateSlot {
  /** As the bootloader calls it. */
  readonly name: string;
  /** Of the system in it, where the product remembers. */
  readonly version?: string;
  /** What the product holds of it. */
  readonly health: 'good' | 'bad' | 'unknown';
  /** How often the bootloader would still start it unasked. */
  readonly triesLeft?: number;
  /** The block device on the board. */
  readonly device?: string;
}

/** What a product says of its slots. */
export interface UpdateStatus {
  /** Name of the slot that runs. */
  readonly booted: string;
  /** Name of the slot that the bootloader takes next; undefined where the product does not tell. */
  readonly next: string | undefined;
  readonly slots: readonly UpdateSlot[];
}

/**
 * What came of one boot. `good`: the system's health check said so. `bad`: it said that. `panicked`, `reset`: the kernel panicked,
 * or the board was reset, before any word of health. `not-loaded`: the bootloader could not load it. `off`: its power went first.
 * `unknown`: it went on without one.
 */
export type BootVerdict = 'good' | 'bad' | 'panicked' | 'reset' | 'not-loaded' | 'off' | 'unknown';

/** One boot as the console showed it; what it did not show is absent. */
export interface SlotBoot {
  readonly epoch: number;
  readonly slot: string;
  readonly version?: string;
  /** Left after this one. */
  readonly tries?: number;
  /** Why the bootloader chose this slot, in its own word. */
  readonly why?: string;
  readonly verdict: BootVerdict;
  /** What the health check complained of. */
  readonly complaint?: string;
}

export interface InstallOptions extends WaitOptions {
  /**
   * Called when half of the bundle has left the rig, if it comes to that; the other half waits until this resolves. `drop` ends the
   * connections instead, and a board that asks again is served.
   */
  readonly halfway?: (rest: { drop(): void }) => Promise<void>;
}

/** How a product updates itself, whatever updates it. What it is asked is in its profile (`update`). */
export interface BoardUpdate {
  /** Boots that the console showed since the rig has the board, oldest first; the last may be under way. */
  readonly boots: readonly SlotBoot[];
  status(options?: WaitOptions): Promise<UpdateStatus>;
  /**
   * Hands `bundle` to the product. When it resolves the other slot is written and next, and the board has not rebooted; a product
   * that reboots by itself is about to.
   *
   * @throws RigError `update.not-installed` (blame: board) with what the product said; `update.not-next` when it took the bundle and will not boot it
   */
  install(bundle: Bundle, options?: InstallOptions): Promise<void>;
  /** Kills what installs, at once. */
  kill(options?: WaitOptions): Promise<void>;
  /**
   * Reboots once, or powers on what is off, and follows the board from boot to boot, through panics and resets of its own, until a boot is `good` and a Shell
   * answers; where a product says nothing of health, until a Shell answers.
   *
   * @param options `timeoutMs` for each boot (default: the board type's for a shell)
   * @returns every boot since, the last one being where the board is now
   * @throws RigError `update.never-good` (blame: board) when the product's tries in every slot are over
   */
  settle(options?: WaitOptions): Promise<readonly SlotBoot[]>;
}

/** What the console says of a boot, each line by line (regular expression sources with named groups). */
export interface BootSigns {
  /** The bootloader's choice: `slot`, and `tries` (left after this boot) and `why` where it tells. */
  readonly chosen: string;
  /** What it has chosen it cannot load, and chooses again. */
  readonly notLoaded?: string;
  /** The system that comes up: `version`. */
  readonly version?: string;
  /** The health check is content. */
  readonly good?: string;
  /** It is not; `complaint` where it tells. */
  readonly bad?: string;
}

interface UpdateBase {
  /** Partition label of each slot, by the name that the bootloader has for it. */
  readonly slots: Readonly<Record<string, string>>;
  /** How often a slot that is not known to be good is started before the bootloader turns to another. */
  readonly tries: number;
  /** Puts what is at `{url}` into `{file}` on the board; absent: the product itself takes `{url}`. */
  readonly fetch?: { readonly folder: string; readonly command: string };
  /** Kills what installs, at once. */
  readonly kill: string;
  /** Whether an older version than the one that runs is taken; absent: no policy. */
  readonly downgrades?: 'refused';
  readonly signs?: BootSigns;
}

/** RAUC (rauc.readthedocs.io), by its command on the board. */
export interface RaucUpdate extends UpdateBase {
  readonly driver: 'rauc';
  /** Prints how many tries `{slot}` has left. */
  readonly triesLeft?: string;
}

/** Any product, by commands that root runs on the board; `{bundle}` is the file or the URL that it is to take. */
export interface CommandUpdate extends UpdateBase {
  readonly driver: 'command';
  readonly install: string;
  /** Prints the name of the slot that runs. */
  readonly active: string;
  /** Prints the name of the slot that the bootloader takes next. */
  readonly next?: string;
  /** Prints `good` or `bad` for `{slot}`; anything else is unknown. */
  readonly health?: string;
  /** Prints the version in `{slot}`. */
  readonly version?: string;
  readonly triesLeft?: string;
  /** What a product that exits with 0 prints all the same when it takes no bundle (regular expression source). */
  readonly refused?: string;
  /** Reboots by itself when it is done. */
  readonly reboots?: true;
}

export type UpdatePromise = RaucUpdate | CommandUpdate;
