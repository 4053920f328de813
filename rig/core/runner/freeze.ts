import { rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { firstLine, messageOf, RigError } from '../../contracts/errors.js';
import type { EventBody, TestPlace } from '../../contracts/events.js';
import { Deadline } from '../../lifetime/deadline.js';
import { diskBytes } from '../../record/disk-bytes.js';
import type { FrozenAt } from '../../record/layout.js';
import type { ManagedBoard } from './managed-board.js';

/** A QEMU that cannot write its memory in this time hangs. */
const saveMs = 120_000;

export interface FreezerOptions {
  /** What the run may keep of its boards in all. */
  readonly maxBytes: number;
  /** Also where each step of a test began; only those of a failed attempt stay. */
  readonly steps: boolean;
  /** Where a board is kept, absolute and relative to the run folder. */
  readonly folder: (place: TestPlace, frozen: FrozenAt) => { path: string; relative: string };
  readonly emit: (event: EventBody) => void;
}

/** `kept`: as it stood; `cannot`: it has no snapshots or no power; `not`: something was in the way, and was said. */
export type Freeze = 'kept' | 'cannot' | 'not';

interface Frozen {
  readonly path: string;
  readonly relative: string;
  readonly board: string;
  readonly sizeBytes: number;
}

/**
 * Keeps boards as they stood, as folders of the run, up to a limit for the whole run. Nothing here changes a verdict:
 * what cannot be kept is said in a warning.
 */
export class Freezer {
  readonly #options: FreezerOptions;
  #keptBytes = 0;
  /** The next one will hardly be smaller than the last. */
  #lastBytes = 0;
  #isFullTold = false;

  constructor(options: FreezerOptions) {
    this.#options = options;
  }

  /** Whether the run may keep anything more. */
  get hasRoom(): boolean {
    return this.#hasRoomFor(1);
  }

  #hasRoomFor(boards: number): boolean {
    return this.#keptBytes + boards * this.#lastBytes < this.#options.maxBytes;
  }

  /** What was kept by somebody else counts too: a copy of a medium. */
  async count(path: string): Promise<void> {
    this.#keptBytes += await diskBytes(path);
  }

  /** Keeps the boards of a test as they stand when its verdict has fallen: at once, told in their order. Never rejects. */
  async failure(boards: readonly ManagedBoard[], place: TestPlace, signal: AbortSignal): Promise<Freeze[]> {
    const all = await Promise.all(boards.map((board) => this.#keep(board, { place, at: 'failure', signal })));
    return all.map((frozen) => {
      if (typeof frozen === 'string') return frozen;
      this.#tell(frozen, place, 'frozen');
      return 'kept';
    });
  }

  /** Keeps the boards of one attempt at each of its steps; absent unless the run was asked for it. */
  steps(
    boards: readonly ManagedBoard[],
    { place, signal }: { place: TestPlace; signal: AbortSignal },
  ): StepFreezer | undefined {
    if (!this.#options.steps) return undefined;
    const kept: { frozen: Frozen; step: number }[] = [];
    return {
      begins: async (step) => {
        const keep = (board: ManagedBoard) => this.#keep(board, { place, at: { step }, signal });
        for (const frozen of await Promise.all(boards.map(keep)))
          if (typeof frozen === 'object') kept.push({ frozen, step });
      },
      end: async ({ failed }) => {
        for (const { frozen, step } of kept)
          if (failed) this.#tell(frozen, place, `step ${step}`);
          else await this.#remove(frozen);
      },
    };
  }

  async #keep(
    board: ManagedBoard,
    { place, at, signal }: { place: TestPlace; at: 'failure' | { step: number }; signal: AbortSignal },
  ): Promise<Frozen | Exclude<Freeze, 'kept'>> {
    const { snapshots } = board;
    if (!snapshots) return 'cannot';
    // The last room is for where the test fails: that is worth more than any of its steps.
    if (at === 'failure' ? !this.hasRoom : !this.#hasRoomFor(2)) return this.#full();
    const folder = this.#options.folder(place, { at, board: board.name });
    try {
      using deadline = new Deadline({ timeoutMs: saveMs, signal, what: `${board.name} to be saved` });
      await snapshots.save(folder.path, {
        state: at === 'failure' ? at : `step ${at.step}`,
        runDir: folder.relative,
        // A board in trouble is saved as well: its own signal would forbid it.
        signal: deadline.signal,
      });
      const sizeBytes = await diskBytes(folder.path);
      const frozen = { ...folder, board: board.name, sizeBytes };
      this.#lastBytes = sizeBytes;
      this.#keptBytes += sizeBytes;
      if (this.#keptBytes <= this.#options.maxBytes) return frozen;
      await this.#remove(frozen);
      return this.#full();
    } catch (error) {
      if (error instanceof RigError && error.code === 'power.board-off') return 'cannot';
      const why = firstLine(messageOf(error));
      this.#warn(
        `Not frozen ${at === 'failure' ? 'where it failed' : `at step ${at.step}`}: ${why}`,
        board.name,
      );
      return 'not';
    }
  }

  #tell({ board, relative }: Frozen, place: TestPlace, what: string): void {
    this.#options.emit({ type: 'evidence', ...place, name: `${what} (${board})`, file: relative });
  }

  async #remove({ path, sizeBytes, board }: Frozen): Promise<void> {
    try {
      await rm(path, { recursive: true, force: true });
      await removeEmpty(dirname(path));
      this.#keptBytes -= sizeBytes;
    } catch (error) {
      this.#warn(`Cannot remove ${path}: ${(error as Error).message}`, board);
    }
  }

  #full(): 'not' {
    const { maxBytes } = this.#options;
    if (!this.#isFullTold)
      this.#warn(
        `No further board of this run is frozen: it keeps ${mebibytes(this.#keptBytes)}, one takes about ${mebibytes(this.#lastBytes)}, and --keep-limit is ${mebibytes(maxBytes)}`,
      );
    this.#isFullTold = true;
    return 'not';
  }

  #warn(message: string, board?: string): void {
    this.#options.emit({
      type: 'log',
      level: 'warning',
      message,
      ...(board === undefined ? {} : { board }),
    });
  }
}

/** The steps of one attempt. Neither call ever rejects. */
export interface StepFreezer {
  begins(step: number): Promise<void>;
  end(attempt: { readonly failed: boolean }): Promise<void>;
}

/** A folder in which nothing is left, and then the ones that it was the last of: `evidence/TEST/steps/3`. */
async function removeEmpty(folder: string): Promise<void> {
  for (let empty = folder; ; empty = dirname(empty)) {
    try {
      await rmdir(empty);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOTEMPTY') return;
      throw error;
    }
  }
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
