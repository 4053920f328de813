import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { RigError } from '../../contracts/errors.js';

/** Where sessions live on this machine: sockets and locks, and what survives them. */
export interface SessionRoots {
  readonly runtime: string;
  readonly state: string;
}

/** The files of one board. */
export interface BoardPlaces {
  readonly directory: string;
  /** Other processes reach the session here. */
  readonly socket: string;
  readonly holder: string;
  /** Lent to the drivers, removed with the session. */
  readonly work: string;
  /** Survives the session. */
  readonly state: string;
  readonly deviceState: string;
  readonly consoleLog: string;
  /** What the background process itself had to say. */
  readonly hostLog: string;
}

/** `sun_path` holds 108 bytes with its ending zero (unix(7)). */
const maxSocketPathBytes = 107;
/** The longest name of a socket that a driver makes in its work folder. */
const driverSocketBytes = 24;

/** Follows the XDG base directory specification; without a runtime folder of the login session, one in /tmp. */
export function sessionRoots(env: Readonly<Record<string, string | undefined>> = process.env): SessionRoots {
  const runtime = env.XDG_RUNTIME_DIR?.startsWith('/') ? env.XDG_RUNTIME_DIR : undefined;
  const state = env.XDG_STATE_HOME?.startsWith('/') ? env.XDG_STATE_HOME : undefined;
  return {
    runtime: runtime ? join(runtime, 'boardrig') : `/tmp/boardrig-${userId()}`,
    state: join(state ?? join(env.HOME ?? homedir(), '.local', 'state'), 'boardrig'),
  };
}

/** Whether a session could have that name. */
export function isBoardName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._~-]*$/.test(name);
}

/** @throws RigError `session.bad-name`, `session.path-too-long` */
export function boardPlaces(name: string, roots: SessionRoots): BoardPlaces {
  if (!isBoardName(name)) {
    throw new RigError(`Board name ${JSON.stringify(name)} cannot name a folder`, {
      code: 'session.bad-name',
      blame: 'config',
      hint: 'Use letters, digits, dots, dashes, tildes and underscores, a letter or digit first.',
    });
  }
  const directory = join(roots.runtime, 'boards', name);
  const state = join(roots.state, 'boards', name);
  const work = join(directory, 'work');
  const longest = Buffer.byteLength(join(work, 'x'.repeat(driverSocketBytes)));
  if (longest > maxSocketPathBytes) {
    throw new RigError(
      `Sockets of board "${name}" would need paths of ${longest} bytes in ${work}; the kernel takes ${maxSocketPathBytes}`,
      {
        code: 'session.path-too-long',
        blame: 'config',
        hint: 'Set XDG_RUNTIME_DIR to a shorter folder of yours, or give the board a shorter name.',
      },
    );
  }
  return {
    directory,
    socket: join(directory, 'session.sock'),
    holder: join(directory, 'holder.json'),
    work,
    state,
    deviceState: join(state, 'devices'),
    consoleLog: join(state, 'console.raw'),
    hostLog: join(state, 'session.log'),
  };
}

/**
 * Makes the folders of a board that must exist before its lock is taken, private to this user.
 *
 * @throws RigError `session.unsafe-directory` when somebody else could put files there, `session.directory`
 */
export function ensurePlaces(places: BoardPlaces, roots: SessionRoots): void {
  try {
    for (const folder of [roots.runtime, roots.state]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
    assertPrivate(roots.runtime);
    for (const folder of [places.directory, places.state, places.deviceState]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
    chmodSync(places.directory, 0o700);
  } catch (error) {
    if (error instanceof RigError) throw error;
    throw new RigError(`Cannot make the session folder of a board: ${(error as Error).message}`, {
      code: 'session.directory',
      blame: 'rig',
      hint: 'Set XDG_RUNTIME_DIR and XDG_STATE_HOME to folders that you can write to.',
      cause: error,
    });
  }
}

function assertPrivate(folder: string): void {
  const found = lstatSync(folder);
  const problem = !found.isDirectory()
    ? 'is not a folder'
    : found.uid !== userId()
      ? `belongs to uid ${found.uid}`
      : (found.mode & 0o077) !== 0
        ? `has mode ${(found.mode & 0o777).toString(8)}, so others can look in`
        : undefined;
  if (problem) {
    throw new RigError(`Cannot keep sessions in ${folder}: it ${problem}`, {
      code: 'session.unsafe-directory',
      blame: 'rig',
      hint: `Remove it or run chmod 700 on it if it is yours; or set XDG_RUNTIME_DIR to a folder of yours.`,
    });
  }
}

function userId(): number {
  return process.getuid?.() ?? 0;
}
