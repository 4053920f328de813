import type { BoardConfig, Image } from '../../contracts/board.js';
import type { Board } from '../../contracts/suite.js';

/** A board as the runner drives it: what suites see, and the levers that bring it to a start state. */
export interface ManagedBoard extends Board, AsyncDisposable {
  readonly config: BoardConfig;
  /** Ends every call on the board from now on, with its reason. */
  useSignal(signal: AbortSignal): void;
  /** Powers off and puts `image` on the medium; without one (a board that boots a given kernel) only powers off. */
  provision(image: Image | undefined): Promise<void>;
  /** Whether a Shell answers within a short time. Never rejects. */
  answers(): Promise<boolean>;
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
}
