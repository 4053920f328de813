import { existsSync, watch } from 'node:fs';
import { open } from 'node:fs/promises';
import { RigError } from '../../contracts/errors.js';
import { exitCodes } from '../../contracts/verdict.js';
import { boardPlaces, sessionRoots } from '../../core/session/directory.js';
import { noSession } from '../../core/session/open.js';
import { existingSession, sessionRequest } from '../board-command.js';
import type { CommandInput, CommandIo } from '../command.js';
import { PrintableText } from '../printable.js';

const chunkBytes = 256 * 1024;

/** `rig logs BOARD`: what the console said in the board's session, or in its last one. */
export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  const request = await sessionRequest(input, { io, purpose: 'rig logs' });
  const { name } = request.board;
  const { consoleLog } = boardPlaces(name, sessionRoots(io.env));
  if (!existsSync(consoleLog)) {
    throw new RigError(`There is no console log of board "${name}"`, {
      code: 'session.no-log',
      blame: 'rig',
      hint: `It begins with the first session: rig up ${name}`,
    });
  }
  // A file or a pipe gets the bytes as they are: nothing there acts on escape sequences.
  const text = process.stdout.isTTY === true && input.options.raw !== true ? new PrintableText() : undefined;
  const print = (chunk: Uint8Array): void => {
    if (text) io.out(text.push(chunk));
    else process.stdout.write(Uint8Array.from(chunk));
  };
  const log = new LogReader(consoleLog, print);
  if (input.options.follow !== true) await log.readOn();
  else {
    await using session = await existingSession(request, io);
    if (!session) throw noSession(name);
    await follow(log, { path: consoleLog, ended: session.ended, signal: io.signal });
  }
  if (text) io.out(text.end());
  return exitCodes.passed;
}

/** Reads a file on from where it stopped, and from its beginning when another has taken its name. */
class LogReader {
  readonly #path: string;
  readonly #print: (chunk: Uint8Array) => void;
  readonly #buffer = Buffer.allocUnsafe(chunkBytes);
  #at = 0;
  #inode = 0;

  constructor(path: string, print: (chunk: Uint8Array) => void) {
    this.#path = path;
    this.#print = print;
  }

  async readOn(): Promise<void> {
    const file = await open(this.#path, 'r');
    try {
      const { ino } = await file.stat();
      if (ino !== this.#inode) this.#at = 0;
      this.#inode = ino;
      for (;;) {
        const { bytesRead } = await file.read(this.#buffer, 0, chunkBytes, this.#at);
        if (bytesRead === 0) return;
        this.#at += bytesRead;
        this.#print(this.#buffer.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  }
}

/** Prints what is added until the session ends or the signal comes. */
async function follow(
  log: LogReader,
  { path, ended, signal }: { path: string; ended: Promise<unknown>; signal: AbortSignal },
): Promise<void> {
  let wake = (): void => {};
  let over = false;
  const finish = (): void => {
    over = true;
    wake();
  };
  const watcher = watch(path.slice(0, path.lastIndexOf('/')), () => wake());
  signal.addEventListener('abort', finish, { once: true });
  const end = ended.then(finish);
  try {
    while (!over) {
      // Armed before reading: what is added meanwhile wakes the next turn.
      const more = new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (over) break;
      await log.readOn();
      await more;
    }
    await log.readOn();
  } finally {
    watcher.close();
    signal.removeEventListener('abort', finish);
    if (!signal.aborted) await end;
  }
  signal.throwIfAborted();
}
