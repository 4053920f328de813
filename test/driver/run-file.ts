import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable, type Writable } from 'node:stream';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../../rig/config/package.js';
import type { PlannedFile } from './plan.js';
import { readTap, type TestRecord } from './read-tap.js';
import { cpuSecondsOf, usageParentVariable } from './usage-protocol.js';

export interface FileResult {
  readonly source: string;
  readonly tests: readonly TestRecord[];
  /** Why the file as a whole failed, though maybe no test of it did. */
  readonly problem?: string;
  /** The last lines of its standard error. */
  readonly stderrTail: string;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
}

const preload = fileURLToPath(new URL('./usage.js', import.meta.url));
/** Time for a file that was told to end, before it is killed. */
const graceMs = 10_000;
/** Time for what a file that ended has still in its pipes. */
const drainMs = 5_000;
const tailLength = 4000;

/** Runs one compiled test file as a process of its own, in a process group of its own. */
export async function runFile(
  file: PlannedFile,
  { signal, node = process.execPath }: { signal: AbortSignal; node?: string },
): Promise<FileResult> {
  const startedMs = performance.now();
  const child = spawn(node, ['--import', preload, '--enable-source-maps', file.compiled], {
    cwd: packageRoot,
    detached: true,
    env: {
      ...process.env,
      // tap's own limit (30 s unless told) comes first, since it knows which test hangs.
      TAP_TIMEOUT: String(file.deadlineMs / 1000),
      [usageParentVariable]: String(process.pid),
    },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const tap = readTap();
  const texts = { stderr: '', usage: '' };
  const [, stdoutPipe, stderrPipe, usagePipe] = child.stdio;
  read(stdoutPipe, tap.write);
  read(stderrPipe, (text) => {
    texts.stderr = (texts.stderr + text).slice(-tailLength);
  });
  read(usagePipe, (text) => {
    texts.usage += text;
  });

  const closed = once(child, 'close');
  const done = new AbortController();
  const guard = killWhenLate(child.pid, { file, signal, done: done.signal });
  const [exitCode, endSignal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  done.abort();
  const late = await guard;
  const left = await Promise.race([
    closed.then(() => undefined),
    after(drainMs, 'left a process behind that still holds its output', { ref: false }),
  ]);
  for (const pipe of child.stdio) pipe?.destroy();

  const summary = tap.end();
  const failedTests = summary.tests.filter((test) => test.verdict === 'failed').length;
  const problem =
    late ??
    left ??
    (endSignal === null ? undefined : `ended by ${endSignal}`) ??
    summary.problem ??
    (summary.assertions === 0 ? 'the file asserts nothing' : undefined) ??
    (exitCode !== 0 && failedTests === 0 ? `exit code ${exitCode}` : undefined);
  return {
    source: file.source,
    tests: summary.tests,
    ...(problem === undefined ? {} : { problem }),
    stderrTail: texts.stderr,
    cpuSeconds: cpuSecondsOf(texts.usage),
    wallSeconds: (performance.now() - startedMs) / 1000,
  };
}

function read(pipe: Readable | Writable | null | undefined, take: (text: string) => void): void {
  if (!(pipe instanceof Readable)) throw new Error('a test process was started without its pipes');
  pipe.setEncoding('utf8');
  pipe.on('data', take);
}

/** @returns why the file was ended, or undefined when it ended by itself */
async function killWhenLate(
  pid: number | undefined,
  { file, signal, done }: { file: PlannedFile; signal: AbortSignal; done: AbortSignal },
): Promise<string | undefined> {
  if (pid === undefined) return `cannot start ${file.compiled}`;
  const either = AbortSignal.any([signal, done]);
  await after(file.deadlineMs + graceMs, undefined, { signal: either }).catch(() => undefined);
  if (done.aborted) return undefined;
  killGroup(pid, 'SIGTERM');
  await after(graceMs, undefined, { signal: done }).catch(() => undefined);
  if (!done.aborted) killGroup(pid, 'SIGKILL');
  return signal.aborted ? 'stopped' : `ended after ${(file.deadlineMs + graceMs) / 60_000} minutes`;
}

function killGroup(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-pid, name);
  } catch (error) {
    // It has ended in between.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
