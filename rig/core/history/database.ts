import { constants, copyFile, link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Database } from 'node-sqlite3-wasm';
import type { Cancellable } from '../../contracts/capabilities.js';
import { messageOf, RigError } from '../../contracts/errors.js';
import { lockAddress, takeLock } from '../../lifetime/named-lock.js';
import { migrations, schema, schemaVersion } from './schema.js';

/** One row, by column. */
export type Row = Readonly<Record<string, string | number | null>>;

/** What a question to the history may use. */
export interface Reader {
  all(sql: string, values?: readonly (string | number | null)[]): readonly Row[];
}

/** What a change may use besides. */
export interface Writer extends Reader {
  /** @returns the row's number */
  insert(sql: string, values: readonly (string | number | null)[]): number;
  run(sql: string, values?: readonly (string | number | null)[]): void;
}

/** How the file was when it was opened for a change. */
export type Found = 'there' | 'new' | 'older' | 'unreadable';

/**
 * An SQLite file that is never changed in place: a change is made in a copy, which then takes the file's name. A process that is killed at any
 * moment leaves the file as it was, and a reader keeps the state that it opened. Who changes it holds a lock of this machine, so that several
 * processes take turns and none is turned away.
 */
export class HistoryFile {
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
  }

  /**
   * Answers a question from the file as it is now; one of an older format is brought to today's first.
   *
   * @returns undefined when there is no history yet
   * @throws RigError `history.unreadable`, `history.newer-format`
   */
  async read<T>(question: (reader: Reader) => T): Promise<T | undefined> {
    try {
      return await this.#read(question);
    } catch (error) {
      if (!(error instanceof RigError) || error.code !== 'history.older-format') throw error;
      await this.change(() => undefined);
      return await this.#read(question);
    }
  }

  async #read<T>(question: (reader: Reader) => T): Promise<T | undefined> {
    // The library locks a file by a folder beside it, which a killed process leaves: a name of our own has a lock of its own.
    const own = `${this.path}.read-${process.pid}-${unique()}`;
    try {
      await link(this.path, own);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw this.#cannot('read', error);
    }
    try {
      return await this.#with(own, { readOnly: true }, (database) => {
        if (versionOf(database) !== schemaVersion) throw this.#otherVersion(versionOf(database));
        return question(database);
      });
    } finally {
      await rm(own, { force: true });
    }
  }

  /**
   * Changes the file: all of `change`, or nothing of it. Waits while another process changes it. A file that cannot be used is told as `found`, and
   * `change` begins with an empty one; damage deep inside shows only to a `thorough` look, which reads all of it.
   */
  async change<T>(
    change: (writer: Writer, found: Found) => Promise<T> | T,
    { signal, thorough = false }: Cancellable & { readonly thorough?: boolean } = {},
  ): Promise<T> {
    await mkdir(dirname(this.path), { recursive: true });
    const greeting = `boardrig history, pid ${process.pid}`;
    await using _lock = await takeLock(lockAddress(this.path, 'history'), {
      greeting,
      ...(signal ? { signal } : {}),
    });
    await this.#removeLeftovers();
    const copy = `${this.path}.new-${process.pid}-${unique()}`;
    try {
      const found = await this.#copyTo(copy, thorough);
      const result = await this.#with(copy, { readOnly: false }, async (database) => {
        // The copy needs no protection of its own: it is thrown away unless all went well.
        database.run('pragma journal_mode = off');
        database.run('pragma synchronous = off');
        // What belongs to a run goes with it.
        database.run('pragma foreign_keys = on');
        database.run('begin');
        const value = await change(database, found);
        database.run('commit');
        return value;
      });
      await publish(copy, this.path);
      return result;
    } finally {
      await rm(copy, { force: true });
    }
  }

  async #copyTo(copy: string, thorough: boolean): Promise<Found> {
    const found = await this.#copyIfGood(copy, thorough);
    if (found === 'older' && (await this.#with(copy, { readOnly: false }, migrate))) return 'there';
    if (found !== 'there') {
      await rm(copy, { force: true });
      await this.#with(copy, { readOnly: false }, (database) => database.exec(schema));
    }
    return found;
  }

  async #copyIfGood(copy: string, thorough: boolean): Promise<Found> {
    try {
      await copyFile(this.path, copy, constants.COPYFILE_FICLONE);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'new';
      throw this.#cannot('read', error);
    }
    try {
      const { version, sound } = await this.#with(copy, { readOnly: true }, (database) => ({
        version: versionOf(database),
        sound: isSound(database, thorough),
      }));
      if (version > schemaVersion) throw this.#otherVersion(version);
      if (!sound) return 'unreadable';
      return version === schemaVersion ? 'there' : 'older';
    } catch (error) {
      if (error instanceof RigError && error.code === 'history.unreadable') return 'unreadable';
      throw error;
    }
  }

  /** What processes left that were killed. Under the lock nobody else makes a copy; a reader's name may go at any time, once it is open. */
  async #removeLeftovers(): Promise<void> {
    const dir = dirname(this.path);
    const prefix = basename(this.path);
    const oldMs = 60_000;
    for (const name of await readdir(dir)) {
      const isCopy = name.startsWith(`${prefix}.new-`);
      if (!isCopy && !name.startsWith(`${prefix}.read-`)) continue;
      const path = join(dir, name);
      const age = Date.now() - ((await stat(path).catch(() => undefined))?.ctimeMs ?? 0);
      if (isCopy || age > oldMs) await rm(path, { recursive: true, force: true });
    }
  }

  async #with<T>(
    path: string,
    options: { readonly readOnly: boolean },
    body: (database: Session) => Promise<T> | T,
  ): Promise<T> {
    const { default: sqlite } = await import('node-sqlite3-wasm');
    let database: Database | undefined;
    try {
      database = new sqlite.Database(path, options);
      return await body(new Session(database));
    } catch (error) {
      throw error instanceof sqlite.SQLite3Error ? this.#cannot('use', error) : error;
    } finally {
      database?.close();
    }
  }

  #cannot(what: string, cause: unknown): RigError {
    return new RigError(`Cannot ${what} the history ${this.path}: ${messageOf(cause)}`, {
      code: 'history.unreadable',
      blame: 'rig',
      hint: 'rig history rebuild makes it anew from the run folders.',
      cause,
    });
  }

  #otherVersion(version: number): RigError {
    const isNewer = version > schemaVersion;
    return new RigError(
      `The history ${this.path} has format ${version}, this rig has format ${schemaVersion}`,
      {
        code: isNewer
          ? 'history.newer-format'
          : version in migrations
            ? 'history.older-format'
            : 'history.unreadable',
        blame: 'config',
        hint: isNewer
          ? 'Use the rig that wrote it, or newer.'
          : 'rig history rebuild makes it anew from the run folders.',
      },
    );
  }
}

/** An open file. Statements are kept as long as it is. */
class Session implements Writer {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  all(sql: string, values: readonly (string | number | null)[] = []): readonly Row[] {
    return this.#database.all(sql, [...values]) as unknown as readonly Row[];
  }

  insert(sql: string, values: readonly (string | number | null)[]): number {
    return Number(this.#database.run(sql, [...values]).lastInsertRowid);
  }

  run(sql: string, values: readonly (string | number | null)[] = []): void {
    this.#database.run(sql, [...values]);
  }

  exec(sql: string): void {
    this.#database.exec(sql);
  }
}

function versionOf(database: Reader): number {
  return Number(database.all('pragma user_version')[0]?.user_version ?? 0);
}

/** Step by step from format to format. @returns whether it has today's now */
function migrate(database: Session): boolean {
  for (let step = migrations[versionOf(database)]; step; step = migrations[versionOf(database)])
    database.exec(step);
  return versionOf(database) === schemaVersion;
}

/** @throws SQLite3Error when the catalogue itself cannot be read */
function isSound(database: Reader, thorough: boolean): boolean {
  database.all('select count(*) from sqlite_schema');
  return !thorough || database.all('pragma quick_check')[0]?.quick_check === 'ok';
}

/** What is on the disk under the name is whole, whatever happens to the machine meanwhile. */
async function publish(from: string, to: string): Promise<void> {
  await sync(from);
  await rename(from, to);
  await sync(dirname(to));
}

async function sync(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}

let count = 0;
function unique(): number {
  count += 1;
  return count;
}
