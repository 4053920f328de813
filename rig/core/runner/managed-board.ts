import type { BoardConfig, Image } from '../../contracts/board.js';
import type { Cancellable } from '../../contracts/capabilities.js';
import type { SnapshotKey, SnapshotManifest } from '../../contracts/snapshot.js';
import type { Board } from '../../contracts/suite.js';
import type { Observe } from '../board/observe.js';

/** A board as the runner drives it: what suites see, and the levers that bring it to a start state. */
export interface ManagedBoard extends Board, AsyncDisposable {
  readonly config: BoardConfig;
  /** Ends every call on the board from now on, with its reason. */
  useSignal(signal: AbortSignal): void;
  /** Powers off and puts `image` on the medium; without one (a board that boots a given kernel) only powers off. */
  provision(image: Image | undefined): Promise<void>;
  /** Powers on and waits until the bootloader shows itself. @throws RigError as `Console.expect` */
  bootToBootloader(): Promise<void>;
  /** Whether a Shell answers within a short time. Never rejects. */
  answers(): Promise<boolean>;
  /** Records the console bytes that came until now, so that they stand in the log before what is told next. */
  reportConsole(): void;
  /** Looks at something for the suite, and records it in this board's place of the log. */
  readonly observe: Observe;
  /** Power-ons and observed resets so far. */
  readonly epochs: number;
  /** Cold boots so far. */
  readonly boots: number;
  /** Console text since the last power-on or reset, as it came, at most `maxBytes` of its end. */
  consoleTail(maxBytes: number): string;
  /** Copies the medium to `path` so that it outlives the board. */
  keepMedium(path: string): Promise<void>;
  readMedium(offset: number, length: number): Promise<Uint8Array>;
  cpuSeconds(): Promise<number | undefined>;
  /** Absent on a board that cannot be saved. */
  readonly snapshots?: BoardSnapshots | undefined;
}

/** The whole running board as a folder: memory, devices, medium. */
export interface BoardSnapshots {
  /** What a snapshot of the board with `image` on its medium depends on, here and now. */
  key(image: Image): Promise<SnapshotKey>;
  /**
   * Logs in over ssh once, waits there until the system has started all that it starts, and hangs up, so that a board that is
   * saved then has it behind it. Never rejects.
   */
  warmUp(): Promise<void>;
  /**
   * @param state as the record calls it: `shell`, `failure`; `runDir`: where it is, if it belongs to the run
   * @throws RigError as `Snapshots.save`
   */
  save(dir: string, options: Cancellable & { state: string; runDir?: string }): Promise<SnapshotManifest>;
  /**
   * Cuts the board and brings the saved one to life in a console epoch of its own. One saved behind its bootloader is told
   * the time and gets fresh randomness before this resolves.
   *
   * @throws RigError as `Snapshots.restore`; `snapshot.clock-not-set`, `snapshot.entropy-not-fresh` (blame: rig)
   */
  restore(dir: string, options: { state: string; image: Image }): Promise<void>;
}
