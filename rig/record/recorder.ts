import { randomInt } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BoardConfig } from '../contracts/board.js';
import { type Json, RigError } from '../contracts/errors.js';
import { type EventBody, eventVersion, type RigEvent, type TestPlace } from '../contracts/events.js';
import { keepOutput } from './kept-output.js';
import {
  consoleFile,
  definitionFile,
  eventsFile,
  evidenceFolder,
  evidenceName,
  type FrozenAt,
  frozenFolder,
  ownerFile,
  runName,
} from './layout.js';
import { type JsonMask, maskEvent } from './mask-event.js';
import { ownProcess } from './owner.js';
import { writeError } from './write-error.js';

export interface RecorderOptions {
  /** Created when missing; the run gets a folder of its own in it. */
  readonly runsDir: string;
  /** The run's folder itself, instead of a new one in `runsDir`; it must not hold a run already. */
  readonly dir?: string;
  readonly mask: JsonMask;
  /** Called once, when the log can no longer be written. */
  readonly onError?: (error: RigError) => void;
  /** Recorded runs are made with a clock of their own. */
  readonly clock?: RecorderClock;
}

export interface RecorderClock {
  /** Milliseconds, monotonic. */
  nowMs(): number;
  wall(): Date;
}

const hostClock: RecorderClock = { nowMs: () => performance.now(), wall: () => new Date() };

/**
 * Writes a run folder. Events of one turn of the event loop are written together, before the next one begins, by one
 * plain write: a killed process loses none that it emitted earlier, and the CPU cost is some microseconds an event. There is no fsync:
 * the log survives the process, not the host's power.
 */
export class RunRecorder implements AsyncDisposable {
  readonly run: string;
  readonly dir: string;
  readonly #mask: JsonMask;
  readonly #clock: RecorderClock;
  readonly #onError: (error: RigError) => void;
  readonly #beganMs: number;
  readonly #listeners = new Set<(event: RigEvent) => void>();
  #file: number | undefined;
  #pending = '';
  #seq = 0;
  #error: RigError | undefined;
  /** Who flushed knows of the error: to dispose then has no other one to tell. */
  #told = false;

  private constructor(place: { run: string; dir: string; file: number }, options: RecorderOptions) {
    this.run = place.run;
    this.dir = place.dir;
    this.#file = place.file;
    this.#mask = options.mask;
    this.#clock = options.clock ?? hostClock;
    this.#onError = options.onError ?? (() => undefined);
    this.#beganMs = this.#clock.nowMs();
  }

  /** @throws RigError `record.unwritable`, `record.disk-full`, `record.run-exists` */
  static async create(options: RecorderOptions): Promise<RunRecorder> {
    const startedAt = (options.clock ?? hostClock).wall();
    const run = runName(
      startedAt,
      randomInt(36 ** 6)
        .toString(36)
        .padStart(6, '0'),
    );
    const dir = options.dir ?? join(options.runsDir, run);
    try {
      await mkdir(join(dir, 'console'), { recursive: true });
      const file = openSync(join(dir, eventsFile), 'ax', 0o644);
      await writeFile(join(dir, ownerFile), `${JSON.stringify(ownProcess())}\n`);
      return new RunRecorder({ run, dir, file }, options);
    } catch (error) {
      throw cannotWrite(dir, error);
    }
  }

  /** Never throws: a write that fails goes to `onError`, `flush` and dispose. After dispose nothing is recorded. */
  emit(body: EventBody): RigEvent {
    const event: RigEvent = {
      v: eventVersion,
      seq: this.#seq,
      t: Math.round((this.#clock.nowMs() - this.#beganMs) * 10) / 10,
      wall: this.#clock.wall().toISOString(),
      ...this.#kept(maskEvent(body, this.#mask)),
    };
    if (this.#file === undefined) return event;
    this.#seq += 1;
    if (this.#pending === '') queueMicrotask(() => this.#write());
    this.#pending += `${JSON.stringify(event)}\n`;
    for (const listener of this.#listeners) listener(event);
    return event;
  }

  /** `listener` sees every event from now on, masked, at once. It must not throw. */
  on(listener: (event: RigEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  consolePath(board: string): string {
    return join(this.dir, consoleFile(board));
  }

  /** Where a piece of evidence belongs; its folder is there. */
  async evidenceFile(place: TestPlace, name: string): Promise<{ path: string; relative: string }> {
    const folder = evidenceFolder(place);
    try {
      await mkdir(join(this.dir, folder), { recursive: true });
    } catch (error) {
      throw cannotWrite(join(this.dir, folder), error);
    }
    const relative = `${folder}/${evidenceName(name)}`;
    return { path: join(this.dir, relative), relative };
  }

  /** Where a board that is kept as it stands belongs. */
  frozenFolder(place: TestPlace, frozen: FrozenAt): { path: string; relative: string } {
    const relative = frozenFolder(place, frozen);
    return { path: join(this.dir, relative), relative };
  }

  /** Keeps what a board is, without secrets; `whole` tells whether nothing had to be left out. */
  async keepDefinition(board: BoardConfig): Promise<void> {
    const path = join(this.dir, definitionFile(board.name));
    const json = board as unknown as Json;
    const masked = this.#mask.maskJson(json);
    const whole = JSON.stringify(masked) === JSON.stringify(json);
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, `${JSON.stringify({ whole, board: masked }, null, 2)}\n`);
    } catch (error) {
      throw cannotWrite(path, error);
    }
  }

  /** Resolves when everything emitted so far is in the file. @throws the RigError of the first write that failed */
  async flush(): Promise<void> {
    this.#write();
    if (!this.#error) return;
    this.#told = true;
    throw this.#error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#file === undefined) return;
    this.#write();
    closeSync(this.#file);
    this.#file = undefined;
    this.#listeners.clear();
    if (this.#error && !this.#told) throw this.#error;
  }

  #kept(body: EventBody): EventBody {
    if (this.#file === undefined) return body;
    try {
      return keepOutput(body, { dir: this.dir, seq: this.#seq });
    } catch (error) {
      this.#failed(error);
      return body;
    }
  }

  #failed(error: unknown): void {
    if (this.#error) return;
    this.#error = cannotWrite(this.dir, error);
    this.#onError(this.#error);
  }

  #write(): void {
    const bytes = Buffer.from(this.#pending);
    this.#pending = '';
    if (this.#file === undefined || this.#error) return;
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done);
    } catch (error) {
      this.#failed(error);
    }
  }
}

function cannotWrite(path: string, cause: unknown): RigError {
  if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')
    return new RigError(`Cannot write a run into ${path}: it holds a run already`, {
      code: 'record.run-exists',
      blame: 'config',
      hint: 'Give --report another folder, or remove this one.',
      cause,
    });
  return writeError(`the run folder ${path}`, cause);
}
