import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BoardConfig, Image } from '../../contracts/board.js';
import type { Cancellable } from '../../contracts/capabilities.js';
import { firstLine, messageOf, RigError } from '../../contracts/errors.js';
import {
  manifestName,
  parseManifest,
  type SnapshotManifest,
  type UntoldFact,
} from '../../contracts/snapshot.js';
import { tellGuest } from '../../core/board/restored/tell-guest.js';
import type { AttachedSession } from '../../core/session/attached.js';
import { type BackgroundOptions, isBusy, startBackground } from '../../core/session/open.js';
import { SshShell } from '../../core/ssh/ssh-shell.js';
import { capability } from '../board-command.js';
import { privateKeyOf } from '../private-key.js';

/** A shell that does not answer in this time is left alone. */
const tellMs = 8_000;
const maxForks = 100;

/** A board that lives again. Disposing leaves its session. */
export interface Awake {
  readonly session: AttachedSession;
  /** What the guest does not know, one sentence. */
  readonly note: string;
}

/** What the folder of a kept board says of itself. @throws RigError `resume.snapshot-gone` */
export async function manifestOf(dir: string): Promise<SnapshotManifest> {
  const text = await readFile(join(dir, manifestName), 'utf8').catch(() => undefined);
  if (text === undefined) {
    throw new RigError(`The kept board is gone: there is no ${manifestName} in ${dir}`, {
      code: 'resume.snapshot-gone',
      blame: 'config',
      hint: 'Somebody removed it, to make room perhaps. Run the test again with --keep-on-failure.',
    });
  }
  const manifest = parseManifest(text);
  if (manifest) return manifest;
  throw new RigError(
    `The kept board in ${dir} is damaged: ${manifestName} is not one that this version writes`,
    {
      code: 'snapshot.corrupt',
      blame: 'rig',
      hint: 'Another version of the rig may have made it, or its file was cut short.',
    },
  );
}

export interface WakeOptions extends BackgroundOptions {
  /** Where the saved machine is. */
  readonly dir: string;
  readonly image: Image | undefined;
  /** Whether a shell may be asked at all: not where the board hung or had panicked. */
  readonly mayTell: boolean;
}

/**
 * Brings a saved board to life in a session of its own, under `board`'s name or, where that is taken, the next one.
 *
 * @throws RigError `snapshot.other-key`, `snapshot.corrupt`, `snapshot.not-loaded`: no session is left; as `startBackground`
 */
export async function wake(board: BoardConfig, options: WakeOptions): Promise<Awake> {
  const { dir, image, signal } = options;
  const session = await freeSession(board, options);
  try {
    const { afterRestore, savedAt } = await capability(session, 'snapshots').restore(dir, {
      ...(image ? { image: { path: image.path, sha256: image.sha256 } } : {}),
      signal,
    });
    const stands = `Its clock stands where it stood at ${savedAt}, and another fork of it draws the same random numbers`;
    if (!options.mayTell)
      return { session, note: `${stands}: no shell answered after it was kept, so none was asked` };
    const problem = await tell(session, { image, untold: afterRestore, signal });
    return {
      session,
      note:
        problem === undefined ? 'It was told the time and given fresh randomness' : `${stands}: ${problem}`,
    };
  } catch (error) {
    await session.stop({ force: true }).catch(() => session.ended);
    await session[Symbol.asyncDispose]();
    throw forPerson(error);
  }
}

/** Several may live at once: `NAME`, `NAME-2`, `NAME-3`. */
async function freeSession(board: BoardConfig, options: BackgroundOptions): Promise<AttachedSession> {
  for (let fork = 1; ; fork += 1) {
    const name = fork === 1 ? board.name : `${board.name}-${fork}`;
    try {
      return await startBackground({ ...board, name }, options);
    } catch (error) {
      if (!isBusy(error) || fork >= maxForks) throw error;
    }
  }
}

/**
 * Over ssh alone: what stands on the console is evidence, and a command would be typed into it.
 *
 * @returns why it was not told
 */
async function tell(
  session: AttachedSession,
  { image, untold, signal }: Cancellable & { image: Image | undefined; untold: readonly UntoldFact[] },
): Promise<string | undefined> {
  const { board, capabilities } = session;
  const { address } = capabilities;
  if (!address) return 'it has no network to tell it over';
  const { user, port } = board.profile.ssh;
  await using shell = new SshShell({
    credentials: () => {
      const privateKey = privateKeyOf(image, board);
      return { user, ...(privateKey === undefined ? {} : { privateKey }) };
    },
    endpoint: (ended) => address.endpoint(board.ssh?.port ?? port, { signal: ended }),
    scale: 1,
    abortSignal: () => signal ?? new AbortController().signal,
  });
  try {
    const chore = (command: string) => shell.run(command, { timeoutMs: tellMs });
    await tellGuest({ name: board.name, arch: board.type.arch, chore }, untold);
    return undefined;
  } catch (error) {
    signal?.throwIfAborted();
    return firstLine(messageOf(error));
  }
}

const hints: Readonly<Record<string, string>> = {
  'snapshot.other-key':
    'A saved machine lives only where everything is as it was: resume it with the same QEMU, accelerator and firmware.',
  'snapshot.corrupt': 'It cannot be mended. Run the test again with --keep-on-failure.',
  'snapshot.not-loaded': 'QEMU refused it. Run the test again with --keep-on-failure.',
};

/** The same error, with what helps somebody who has no other way to the board. */
function forPerson(error: unknown): unknown {
  const hint = error instanceof RigError ? hints[error.code] : undefined;
  if (!(error instanceof RigError) || hint === undefined) return error;
  const { message, code, blame, evidence } = error;
  return new RigError(message, { code: code as `${string}.${string}`, blame, hint, evidence, cause: error });
}
