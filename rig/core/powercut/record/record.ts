import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Image } from '../../../contracts/board.js';
import type { Cancellable, ImageFile, Storage } from '../../../contracts/capabilities.js';
import { RigError } from '../../../contracts/errors.js';
import type { ExplorableMedium, LogFiles } from '../../../contracts/powercut.js';
import type { BoardSession } from '../../../contracts/session.js';
import type { Board } from '../../../contracts/suite.js';
import { mediumBytesFor } from '../../board/medium-size.js';
import type { Signs } from '../judge/boot-lines.js';
import { BootWatch } from '../judge/boot-watch.js';
import { type Keepsakes, leaveKeepsakes } from '../judge/keepsakes.js';
import type { Operation } from './operation.js';

/** A file of this host, and how large it is. */
export type SizedFile = ImageFile & { readonly sizeBytes: number };

/** An operation that was done once, with every write of it. */
export interface Recording {
  /** The medium before it, as a raw file. */
  readonly base: SizedFile;
  readonly log: LogFiles;
  readonly keepsakes: Keepsakes;
}

export interface RecordOptions extends Cancellable {
  readonly session: BoardSession;
  readonly storage: Storage;
  readonly medium: ExplorableMedium;
  readonly board: Board;
  readonly image: Image;
  readonly operation: Operation;
  readonly signs: Signs;
  /** For a board that is up to say that it is healthy; scaled already. */
  readonly healthyMs: number;
  /** Empty; the base and the logs go there. */
  readonly folder: string;
  /** Hashes a file. */
  readonly measure: (path: string) => Promise<SizedFile>;
  readonly progress: (line: string) => void;
}

/**
 * Does the operation once on a board that is all right, and records every write of it, from the power-on before it to the
 * shutdown behind it. The board is off when it resolves.
 *
 * @throws RigError `powercut.never-healthy`, `powercut.no-effect`; what the operation throws; the signal's reason
 */
export async function recordOperation(options: RecordOptions): Promise<Recording> {
  const { board, image, operation, storage, folder, progress } = options;
  if (operation.bySlot) return recordBySlot(options);
  await board.provision(image);
  let keepsakes: Keepsakes = [];
  if (operation.onSettled) {
    progress('preparing the board: first boot, and files that must survive');
    await bootHealthy(options);
    keepsakes = await leaveKeepsakes(board.shell, board.profile);
    await board.shutdown();
  }
  const path = join(folder, 'base.raw');
  await storage.keep(path);
  const base = await options.measure(path);
  await board.provision({ ...image, ...base });

  progress(`recording ${operation.name}`);
  const log = await options.medium.logWrites(join(folder, 'log'), { signal: options.signal });
  await log.mark('boot');
  await bootHealthy(options);
  await operation.run(board, { mark: (phase) => log.mark(phase) });
  await assertEffect(board, operation);
  await log.mark('shutdown');
  await board.shutdown();
  return { base, log: await log.end(), keepsakes };
}

/** The internal medium of a board is recorded while what is in its slot installs a system on it. */
async function recordBySlot(options: RecordOptions): Promise<Recording> {
  const { board, image, operation, storage, folder, progress, signal } = options;
  const path = join(folder, 'base.raw');
  await writeFile(path, '');
  await truncate(path, mediumBytesFor(board.type, image));
  const base = await options.measure(path);
  await storage.provision(base, { signal });
  progress(`recording ${operation.name}`);
  const log = await options.medium.logWrites(join(folder, 'log'), { signal });
  await operation.run(board, { mark: (phase) => log.mark(phase) });
  return { base, log: await log.end(), keepsakes: [] };
}

/** An operation without an effect leaves nothing that a cut could spoil: its certificate would be sound and say nothing. */
async function assertEffect(board: Board, operation: Operation): Promise<void> {
  if (operation.tellsSides === false || (await operation.sideOf(board)) === 'new') return;
  throw new RigError(`After ${operation.name}, ${board.name} is as it was before it`, {
    code: 'powercut.no-effect',
    blame: 'board',
    hint: 'Do it once by hand, and see why it does not take; only what works without a power cut can be explored.',
  });
}

async function bootHealthy({ session, board, signs, healthyMs, signal }: RecordOptions): Promise<void> {
  using watch = new BootWatch(session, signs);
  await board.boot();
  if (signs.good === undefined) return;
  const end = await watch.until(() => watch.health !== undefined || watch.resets > 0, {
    silentMs: healthyMs,
    timeoutMs: healthyMs,
    signal,
  });
  if (end === 'met' && watch.health?.good) return;
  throw new RigError(`${board.name} did not find itself healthy before anything was cut`, {
    code: 'powercut.never-healthy',
    blame: 'board',
    hint: 'The explorer needs a board that is all right to begin with: boot it with rig up, and see what its health check says.',
    evidence: { console: watch.tail(10), complaint: watch.health?.complaint ?? null },
  });
}
