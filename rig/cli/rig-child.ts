import { fileURLToPath } from 'node:url';
import { type Child, type ChildEnd, startChild } from '../lifetime/child-process.js';
import type { CommandIo } from './command.js';

const rig = fileURLToPath(new URL('main.js', import.meta.url));
/** A run that was told to end powers its boards off and writes its reports; one that does not come to that is killed. */
export const graceMs = 120_000;

export interface RigChildOptions {
  readonly io: CommandIo;
  /** Beside that of `io`. */
  readonly env?: NodeJS.ProcessEnv;
  /** Killed after this; absent: it may take as long as it likes. */
  readonly limitMs?: number;
}

export interface RigEnded extends Pick<Child, 'stdout' | 'stderr'> {
  readonly end: ChildEnd;
}

/** Runs `rig` once more, as a person could call it: in a process that ends with this one and is told when we are to end. */
export async function runRig(
  words: readonly string[],
  { io, env, limitMs }: RigChildOptions,
): Promise<RigEnded> {
  io.signal.throwIfAborted();
  const child = await startChild(process.execPath, {
    args: [rig, ...words],
    cwd: io.cwd,
    env: { ...io.env, ...env },
  });
  const end = await endOf(child, { signal: io.signal, limitMs });
  return { end, stdout: child.stdout, stderr: child.stderr };
}

async function endOf(
  child: Child,
  { signal, limitMs }: { signal: AbortSignal; limitMs: number | undefined },
): Promise<ChildEnd> {
  const kill = (): void => child.kill('SIGKILL');
  let timer = limitMs === undefined ? undefined : setTimeout(kill, limitMs);
  const onAbort = (): void => {
    child.kill(signal.reason === 'SIGINT' || signal.reason === 'SIGHUP' ? signal.reason : 'SIGTERM');
    clearTimeout(timer);
    timer = setTimeout(kill, graceMs);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await child.ended;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
