import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findBoard } from '../config/find-boards.js';
import type { Lab } from '../config/lab.js';
import type { BoardConfig, Image } from '../contracts/board.js';
import { RigError } from '../contracts/errors.js';
import type { AttachedSession } from '../core/session/attached.js';
import { boardPlaces, isBoardName, sessionRoots } from '../core/session/directory.js';
import { attachSession, noSession, openBackground, waitingLine } from '../core/session/open.js';
import type { CommandInput, CommandIo } from './command.js';
import { openLab } from './open-lab.js';
import { OptionReader } from './read-options.js';

const read = new OptionReader('rig up');

/** A command about a board's session. */
export interface SessionRequest {
  readonly board: Pick<BoardConfig, 'name'>;
  /** As others are told: `rig console`. */
  readonly purpose: string;
}

/** A command about one board: its first word is the board's name. */
export interface BoardRequest extends SessionRequest {
  readonly board: BoardConfig;
  readonly lab: Lab;
}

const defaultIdle = '30m';
/** What a background session runs. */
export const sessionHost = fileURLToPath(new URL('./session-host.js', import.meta.url));

/** @throws RigError (blame: config) for a lab file or a board that cannot be right */
export async function boardRequest(
  input: CommandInput,
  { io, purpose }: { io: CommandIo; purpose: string },
): Promise<BoardRequest> {
  const lab = await openLab(input, io);
  const name = String(input.args[0]);
  const isKnown = lab.boards.some((board) => board.name === name);
  const board = isKnown ? undefined : await boardOfSession(name, { purpose, io });
  return { lab, purpose, board: board ?? findBoard(lab, name) };
}

/** For what needs a board's name alone: also one that no lab file tells of and whose session has ended. */
export async function sessionRequest(
  input: CommandInput,
  { io, purpose }: { io: CommandIo; purpose: string },
): Promise<SessionRequest> {
  const name = String(input.args[0]);
  const isLeft = isBoardName(name) && existsSync(boardPlaces(name, sessionRoots(io.env)).state);
  if (!isLeft) return boardRequest(input, { io, purpose });
  await openLab(input, io);
  return { board: { name }, purpose };
}

/** The board of a session that no lab file tells of: one that `rig resume` brought back to life, a twin that a run made. */
async function boardOfSession(
  name: string,
  { purpose, io }: { purpose: string; io: CommandIo },
): Promise<BoardConfig | undefined> {
  if (!isBoardName(name)) return undefined;
  await using session = await attachSession(name, { purpose, signal: io.signal });
  return session?.board;
}

/** The session that the board has now; undefined when it has none. */
export function existingSession(
  { board, purpose }: SessionRequest,
  io: CommandIo,
): Promise<AttachedSession | undefined> {
  return attachSession(board.name, { purpose, signal: io.signal });
}

/** @throws RigError `session.none` */
export async function sessionOf(request: BoardRequest, io: CommandIo): Promise<AttachedSession> {
  const session = await existingSession(request, io);
  if (!session) throw noSession(request.board.name);
  return session;
}

/** The board's session, started in the background when it has none. */
export function backgroundSession(
  request: BoardRequest,
  { io, input, exclusive }: { io: CommandIo; input: CommandInput; exclusive: boolean },
): Promise<{ session: AttachedSession; started: boolean }> {
  const { board, lab, purpose } = request;
  return openBackground(board, {
    purpose,
    exclusive,
    entry: sessionHost,
    idleMs: idleMs(input),
    wait: input.options.wait === true,
    onWait: (holder) => io.err(`${waitingLine(board.name, holder)}\n`),
    secrets: lab.secrets,
    signal: io.signal,
  });
}

export function idleMs(input: CommandInput): number {
  return read.time(String(input.options.idle ?? defaultIdle), { name: '--idle' });
}

/** The image that `ref` means for the board, or the one that its type has by itself. */
export async function imageFor(
  { board }: BoardRequest,
  { io, ref }: { io: CommandIo; ref: string | undefined },
): Promise<Image | undefined> {
  const { resolveImage } = await import('./image-ref.js');
  const image = await resolveImage(board, {
    ref,
    cwd: io.cwd,
    env: io.env,
    signal: io.signal,
    progress: (line) => io.err(`${line}\n`),
  });
  return typeof image === 'object' ? image : undefined;
}

/** @throws RigError `board.no-capability` */
export function capability<K extends keyof AttachedSession['capabilities']>(
  session: AttachedSession,
  name: K,
): NonNullable<AttachedSession['capabilities'][K]> {
  const found = session.capabilities[name];
  if (found) return found as NonNullable<AttachedSession['capabilities'][K]>;
  throw new RigError(`Board "${session.board.name}" has no ${name}`, {
    code: 'board.no-capability',
    blame: 'config',
    hint: `It has ${[...session.has].join(', ')}. A driver that gives ${name} belongs in the lab file.`,
  });
}
