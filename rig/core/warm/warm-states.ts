import { basename } from 'node:path';
import type { Image } from '../../contracts/board.js';
import { firstLine, messageOf, RigError } from '../../contracts/errors.js';
import type { EventBody } from '../../contracts/events.js';
import type { SnapshotKey } from '../../contracts/snapshot.js';
import type { ManagedBoard } from '../runner/managed-board.js';
import type { Warm } from '../runner/start-state.js';
import type { Slot, SnapshotCache } from './snapshot-cache.js';

const notTold: ReadonlySet<string> = new Set(['snapshot.clock-not-set', 'snapshot.entropy-not-fresh']);

/** A restored guest answers, and cannot be told what it slept through: a cold boot instead would hide that. */
export function isGuestUntold(error: unknown): boolean {
  return error instanceof RigError && notTold.has(error.code);
}

export interface WarmBoard {
  readonly board: ManagedBoard;
  readonly image: Image | undefined;
  /** From 1. Each board of a test has saved states of its own: a twin restored from the same would be the same. */
  readonly twin: number;
  /** Ends it with the run. */
  readonly signal: AbortSignal;
}

/**
 * Boards brought to a state by a snapshot of the cache instead of a boot. Whatever is wrong with a snapshot, the board is then
 * booted cold: a warm start may only ever save time.
 */
export class WarmStates {
  readonly #cache: SnapshotCache;
  readonly #emit: (event: EventBody) => void;
  readonly #explained = new Set<string>();

  constructor(cache: SnapshotCache, emit: (event: EventBody) => void) {
    this.#cache = cache;
    this.#emit = emit;
  }

  /** The saved states of a board; undefined when it cannot have any. */
  of({ board, image, twin, signal }: WarmBoard): Warm | undefined {
    const { snapshots } = board;
    if (!image || !snapshots) return undefined;
    return {
      restore: async (state) => {
        let dir: string | undefined;
        try {
          const key = await snapshots.key(image);
          dir = await this.#cache.find(key, { state, twin });
          if (dir === undefined) {
            await this.#explain(board, { key, state, twin });
            return 'none';
          }
          await snapshots.restore(dir, { state, image });
          return 'restored';
        } catch (error) {
          signal.throwIfAborted();
          if (isGuestUntold(error)) throw error;
          this.#warn(board, `Boots cold, the saved state "${state}" is of no use`, error);
          if (dir === undefined) return 'none';
          await this.#drop(board, dir);
          return 'lost';
        }
      },
      keep: async (state) => {
        let isTouched = false;
        try {
          const key = await snapshots.key(image);
          await this.#cache.keep(key, { state, twin }, async (dir) => {
            isTouched = true;
            if (state === 'shell') await snapshots.warmUp();
            await snapshots.save(dir, { state });
          });
          return true;
        } catch (error) {
          if (!signal.aborted) this.#warn(board, `The state "${state}" was not saved for later runs`, error);
          return !isTouched;
        }
      },
    };
  }

  async #drop(board: ManagedBoard, dir: string): Promise<void> {
    try {
      await this.#cache.remove(basename(dir));
    } catch (error) {
      this.#warn(board, 'A damaged snapshot stays in the cache', error);
    }
  }

  /** Once a board and state: every test of the run would say the same. */
  async #explain(board: ManagedBoard, { key, ...slot }: Slot & { key: SnapshotKey }): Promise<void> {
    const { state } = slot;
    const what = `${board.name} ${state}`;
    if (this.#explained.has(what)) return;
    this.#explained.add(what);
    const reasons = await this.#cache.explain(key, slot);
    const message = `No saved state "${state}" fits: ${reasons.join('; ')}`;
    this.#emit({ type: 'log', level: 'info', board: board.name, message });
  }

  #warn(board: ManagedBoard, what: string, error: unknown): void {
    const why = firstLine(messageOf(error));
    this.#emit({ type: 'log', level: 'warning', board: board.name, message: `${what}: ${why}` });
  }
}
