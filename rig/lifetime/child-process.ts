import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Duplex, Readable, Writable } from 'node:stream';
import { isMainThread } from 'node:worker_threads';
import { RigError } from '../contracts/errors.js';
import { BoundedText } from './bounded-text.js';
import { findExecutable } from './find-executable.js';
import { type ProcessIdentity, readProcessStat } from './process-stat.js';

export interface ChildOptions {
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** So many connected sockets are handed to the program as file descriptors 3, 4, … and to us as `sockets`. */
  readonly sockets?: number;
  /** What is kept of each output, from its end; default 64 KiB. */
  readonly captureBytes?: number;
  /** A number is a file descriptor of ours, which the program reads from where it stands. */
  readonly stdin?: 'ignore' | 'pipe' | number;
  /** The program writes there, and our end of it is closed once it has it; default is to capture the output. */
  readonly stdout?: Socket;
}

/** How a process ended: an exit code, or the signal that ended it. */
export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that cannot outlive this one, however this one ends. */
export interface Child {
  readonly pid: number;
  readonly identity: ProcessIdentity;
  readonly sockets: readonly Duplex[];
  readonly stdin: Writable | null;
  readonly stdout: BoundedText;
  readonly stderr: BoundedText;
  /** Resolves when the process has ended; never rejects. Its outputs are complete then. */
  readonly ended: Promise<ChildEnd>;
  /** Undefined while it runs. */
  readonly end: ChildEnd | undefined;
  /** Signals it and its own children. Does nothing after it ended, so that it never meets another of the same pid. */
  kill(signal: NodeJS.Signals): void;
}

/** Ends the child if its parent is no longer the process that started it: then the death signal was set too late. */
const checkParent = '[ "$PPID" = "$0" ] || exit 113; exec "$@"';

/**
 * Starts `program` so that the kernel kills it when this process dies, even by SIGKILL (PR_SET_PDEATHSIG, man 2
 * prctl, through util-linux's setpriv). It gets its own process group: a terminal's Ctrl-C reaches us alone, and we
 * decide the order in which things end. The death signal is not inherited: a program's own children may outlive us.
 *
 * @throws RigError `process.missing` when `program` or setpriv is not installed
 */
export async function startChild(program: string, options: ChildOptions): Promise<Child> {
  // The signal comes when the thread ends that started the child, not the process (man 2 prctl).
  if (!isMainThread) throw new Error(`${program} must be started from the main thread`);
  const path = options.env?.PATH ?? process.env.PATH;
  const file = findExecutable(program, { path });
  if (file === undefined) throw missingProgram(program);
  const setpriv = findExecutable('setpriv', { path: `${path}:/usr/bin:/bin` });
  if (setpriv === undefined) throw missingProgram('setpriv');
  const extra = Array.from({ length: options.sockets ?? 0 }, () => 'pipe' as const);
  const child = spawn(
    setpriv,
    ['--pdeathsig', 'KILL', '/bin/sh', '-c', checkParent, String(process.pid), file, ...options.args],
    {
      cwd: options.cwd,
      env: options.env ?? process.env,
      detached: true,
      stdio: [options.stdin ?? 'ignore', options.stdout ?? 'pipe', 'pipe', ...extra],
    },
  );
  await started(child, program);
  options.stdout?.destroy();
  return follow(child, options);
}

/** Registers before `spawn` can be followed by anything else of the child. */
function started(child: ChildProcess, program: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) =>
      reject(
        new RigError(`Cannot start ${program}: ${cause.message}`, {
          code: 'process.cannot-start',
          blame: 'rig',
          hint: 'The host may be out of memory, processes or file descriptors.',
          cause,
        }),
      ),
    );
  });
}

function follow(child: ChildProcess, options: ChildOptions): Child {
  const pid = child.pid ?? 0;
  const stdout = new BoundedText(options.captureBytes);
  const stderr = new BoundedText(options.captureBytes);
  const read = (stream: Readable | null, into: BoundedText): void => {
    stream?.on('data', (chunk: Buffer) => into.append(chunk));
  };
  const sockets = child.stdio.slice(3) as Duplex[];
  // A process that ends resets its sockets; `ended` tells that, and an unheard 'error' would end this process.
  for (const socket of sockets) socket.on('error', () => {});
  read(child.stdout, stdout);
  read(child.stderr, stderr);
  let end: ChildEnd | undefined;
  const ended = new Promise<ChildEnd>((resolve) => {
    child.once('exit', (code, signal) => {
      end = { code, signal };
      // A grandchild may hold the outputs open for ever: `close` is not waited for, what is there now is read.
      setImmediate(() =>
        setImmediate(() => {
          child.stdout?.destroy();
          child.stderr?.destroy();
          resolve({ code, signal });
        }),
      );
    });
  });
  return {
    pid,
    identity: { pid, startTicks: readProcessStat(pid)?.startTicks ?? 0 },
    sockets,
    stdin: child.stdin,
    stdout,
    stderr,
    ended,
    get end() {
      return end;
    },
    kill: (signal) => {
      if (!end) killGroup(pid, signal);
    },
  };
}

/** `pid` leads the group and was not waited for, so that the number is its own still. */
function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function missingProgram(program: string): RigError {
  return new RigError(`Cannot find the program ${JSON.stringify(program)}`, {
    code: 'process.missing',
    blame: 'rig',
    hint: 'Install it, or put its folder into PATH; `rig doctor` names the Debian package.',
    evidence: { program, path: process.env.PATH ?? '' },
  });
}
