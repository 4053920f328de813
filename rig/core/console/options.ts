import type { BoardType } from '../../contracts/board.js';
import type { Cancellable } from '../../contracts/capabilities.js';
import type { RigError } from '../../contracts/errors.js';
import type { EpochReason } from '../../contracts/events.js';
import type { ConsoleLog } from '../../record/console-log.js';
import type { SecretMask } from '../../record/secrets.js';
import type { ConsoleEvidence } from './evidence.js';
import type { SignatureName } from './stages.js';

/** What a console engine needs from those who own it. */
export interface ConsoleEngineOptions {
  readonly boardName: string;
  readonly signatures: BoardType['signatures'];
  readonly write: (bytes: Uint8Array, options: Cancellable) => Promise<void>;
  readonly sendBreak: (options: Cancellable) => Promise<void>;
  readonly log: Pick<ConsoleLog, 'append' | 'offset'>;
  readonly secrets: SecretMask;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** Multiplies every time-out. */
  readonly scale: number;
  readonly evidence: () => Promise<ConsoleEvidence> | ConsoleEvidence;
  /** Ends whatever is under way, and with it the reason. */
  readonly abortSignal?: () => AbortSignal;
  readonly onEpoch: (epoch: { epoch: number; reason: EpochReason; offset: number }) => void;
  /** Bytes that entered the log; consecutive, at most every 20 ms. */
  readonly onBytes: (bytes: { epoch: number; offset: number; length: number }) => void;
  /** The first sighting of a signature in an epoch. */
  readonly onSighting: (sighting: { epoch: number; name: SignatureName; offset: number; ms: number }) => void;
  /** The kernel panicked, expected or not. */
  readonly onPanic?: () => void;
  /** A panic or a reset that nobody expected; every wait on the console has failed with it. */
  readonly onMishap?: (error: RigError) => void;
  /** What was typed, masked. */
  readonly onInput: (input: { epoch: number; text: string; by?: 'suite' }) => void;
}
