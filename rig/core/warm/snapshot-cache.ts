import { createHash, randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { RigError } from '../../contracts/errors.js';
import {
  manifestName,
  parseManifest,
  type SnapshotKey,
  type SnapshotManifest,
} from '../../contracts/snapshot.js';
import { readProcessStat } from '../../lifetime/process-stat.js';
import { diskBytes } from '../../record/disk-bytes.js';
import { boardTypeOf, missSentences } from './explain-miss.js';

/** A state that a board of any run can be brought back to. */
export type WarmState = 'shell' | 'bootloader';

/** Which snapshot of a key: of the first board of a test, or of its twin, which booted by itself and so is somebody else. */
export interface Slot {
  readonly state: WarmState;
  /** From 1. */
  readonly twin: number;
}

export interface CacheEntry extends Slot {
  readonly id: string;
  readonly dir: string;
  /** What the files take on the disk. */
  readonly sizeBytes: number;
  readonly usedAt: Date;
  /** Absent when the entry says nothing that can be read: it is damaged. */
  readonly saved?: {
    /** ISO 8601 UTC. */
    readonly at: string;
    readonly key: SnapshotKey;
    /** The image file's name, without its extension. */
    readonly imageName?: string;
  };
}

/** Whether there is a snapshot, and if not, what tells it from those that come nearest. */
export interface Explanation {
  readonly hit: CacheEntry | undefined;
  /** Of the same state and board type, the nearest first; empty at a hit. */
  readonly misses: readonly { readonly entry: CacheEntry; readonly reasons: readonly string[] }[];
}

/** Counts how a board is brought to a state before it is saved: entries made in another way are no hits. */
const preparation = 1;
const entryName = /^[0-9a-f]{24}-(shell|bootloader)-([1-9][0-9]{0,3})$/;
/** Work in progress, and what is being removed: `.NAME.part-PID-…`, `.trash-PID-…`. */
const workName = /^\.(?:.*\.part|trash)-(\d+)-/;
const abandonedMs = 24 * 3600 * 1000;
const madeOtherwise = 'another version of the rig brought the board to this state in another way';

/**
 * Snapshots by what they depend on, in a folder that every run of this user shares. Entries appear and vanish whole, by one
 * rename, so that nobody ever sees half of one; who restores while another process evicts finds nothing and boots cold.
 */
export class SnapshotCache {
  readonly dir: string;
  /** What the entries may take together; 0: nothing is kept. */
  readonly maxBytes: number;

  constructor(dir: string, { maxBytes }: { maxBytes: number }) {
    this.dir = dir;
    this.maxBytes = maxBytes;
  }

  /** The snapshot's folder; its use is noted. */
  async find(key: SnapshotKey, slot: Slot): Promise<string | undefined> {
    const dir = join(this.dir, idOf(key, slot));
    const now = new Date();
    try {
      await utimes(dir, now, now);
      return dir;
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw unusable(this.dir, error);
    }
  }

  /**
   * Has `save` make the entry, unless there is one already, and evicts those that were not used for longest.
   *
   * @returns false when nothing was saved
   */
  async keep(key: SnapshotKey, slot: Slot, save: (dir: string) => Promise<unknown>): Promise<boolean> {
    if (this.maxBytes === 0 || (await this.find(key, slot)) !== undefined) return false;
    try {
      // The memory of a board is in it: for nobody else's eyes.
      await mkdir(this.dir, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw unusable(this.dir, error);
    }
    await this.#removeAbandoned();
    const id = idOf(key, slot);
    try {
      await save(join(this.dir, id));
    } catch (error) {
      // Another run was quicker with the same.
      if (error instanceof RigError && error.code === 'snapshot.exists') return false;
      throw error;
    }
    await this.prune({ maxBytes: this.maxBytes, spare: id });
    return true;
  }

  /** Last used first. */
  async list(): Promise<CacheEntry[]> {
    const entries = await Promise.all((await this.#names()).map((name) => this.#read(name)));
    return entries
      .filter((entry) => entry !== undefined)
      .sort((a, b) => b.usedAt.getTime() - a.usedAt.getTime());
  }

  /** @returns false when there is none */
  async remove(id: string): Promise<boolean> {
    const trash = join(this.dir, `.trash-${process.pid}-${randomBytes(4).toString('hex')}`);
    try {
      await rename(join(this.dir, id), trash);
    } catch (error) {
      if (isAbsent(error)) return false;
      throw unusable(this.dir, error);
    }
    try {
      await rm(trash, { recursive: true, force: true });
    } catch (error) {
      throw unusable(this.dir, error);
    }
    return true;
  }

  /** Removes what is damaged or was not used for so long, then what was not used for longest until the rest fits. @returns what went */
  async prune({
    maxBytes = Number.POSITIVE_INFINITY,
    unusedForMs = Number.POSITIVE_INFINITY,
    spare,
  }: {
    readonly maxBytes?: number;
    readonly unusedForMs?: number;
    /** Stays, whatever its size. */
    readonly spare?: string;
  } = {}): Promise<CacheEntry[]> {
    await this.#removeAbandoned();
    const gone: CacheEntry[] = [];
    let total = 0;
    for (const entry of await this.list()) {
      const isOld = Date.now() - entry.usedAt.getTime() > unusedForMs;
      total += entry.sizeBytes;
      const stays = entry.saved !== undefined && !isOld && total <= maxBytes;
      if (stays || entry.id === spare) continue;
      total -= entry.sizeBytes;
      if (await this.remove(entry.id)) gone.push(entry);
    }
    return gone;
  }

  /** Why there is no such snapshot: what tells it from the nearest entry, a line a fact; empty when there is one. */
  async explain(key: SnapshotKey, slot: Slot): Promise<readonly string[]> {
    const { hit, misses } = await this.compare(key, slot);
    if (hit) return [];
    const [nearest] = misses;
    // One that has less than half in common is of another kind of board.
    const isNear = nearest !== undefined && nearest.reasons.length <= Object.keys(key).length / 2;
    return isNear ? nearest.reasons : ['none was saved of such a board yet'];
  }

  /** Looks for a snapshot without using it. `imageName`: what people call the image of `key`. */
  async compare(key: SnapshotKey, slot: Slot & { readonly imageName?: string }): Promise<Explanation> {
    const id = idOf(key, slot);
    const entries = (await this.list()).filter(
      ({ state, twin }) => state === slot.state && twin === slot.twin,
    );
    const hit = entries.find((entry) => entry.id === id);
    if (hit) return { hit, misses: [] };
    const misses = entries.flatMap((entry) => {
      const { saved } = entry;
      if (!saved || boardTypeOf(saved.key) !== boardTypeOf(key)) return [];
      const reasons = missSentences(saved, { key, imageName: slot.imageName });
      // The same facts under another name.
      return [{ entry, reasons: reasons.length > 0 ? reasons : [madeOtherwise] }];
    });
    return { hit, misses: misses.sort((a, b) => a.reasons.length - b.reasons.length) };
  }

  async #names(): Promise<string[]> {
    try {
      return (await readdir(this.dir)).filter((name) => entryName.test(name));
    } catch (error) {
      if (isAbsent(error)) return [];
      throw unusable(this.dir, error);
    }
  }

  /** @returns undefined when it went meanwhile; what cannot be read is damaged, and no reason to leave the others unread */
  async #read(id: string): Promise<CacheEntry | undefined> {
    const dir = join(this.dir, id);
    const [, state, twin] = entryName.exec(id) ?? [];
    try {
      const { mtime } = await lstat(dir);
      const manifest = parseManifest(await readFile(join(dir, manifestName), 'utf8').catch(() => ''));
      return {
        id,
        dir,
        state: state as WarmState,
        twin: Number(twin),
        // 0 for one that is not ours to read.
        sizeBytes: await diskBytes(dir).catch(() => 0),
        usedAt: mtime,
        ...(manifest ? { saved: factsOf(manifest) } : {}),
      };
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw unusable(this.dir, error);
    }
  }

  /** What processes that were killed left behind. */
  async #removeAbandoned(): Promise<void> {
    const names = await readdir(this.dir).catch(() => []);
    for (const name of names) {
      const pid = workName.exec(name)?.[1];
      if (pid === undefined) continue;
      const path = join(this.dir, name);
      const age =
        Date.now() -
        (await stat(path).then(
          ({ mtimeMs }) => mtimeMs,
          () => Date.now(),
        ));
      if (readProcessStat(Number(pid)) === undefined || age > abandonedMs)
        await rm(path, { recursive: true, force: true });
    }
  }
}

function factsOf({ savedAt, key, medium }: SnapshotManifest): NonNullable<CacheEntry['saved']> {
  const imageName = medium && basename(medium.image.path).replace(/\.[a-z]+$/, '');
  return { at: savedAt, key, ...(imageName === undefined ? {} : { imageName }) };
}

function idOf(key: SnapshotKey, { state, twin }: Slot): string {
  const facts = Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash('sha256')
    .update(JSON.stringify([preparation, facts]))
    .digest('hex');
  return `${hash.slice(0, 24)}-${state}-${twin}`;
}

function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function unusable(dir: string, cause: unknown): RigError {
  return new RigError(`Cannot use the snapshot cache ${dir}: ${(cause as Error).message}`, {
    code: 'cache.unusable',
    blame: 'rig',
    hint: 'Make the folder yours, point XDG_CACHE_HOME elsewhere, or run with --cold.',
    cause,
  });
}
