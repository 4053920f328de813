import { access } from 'node:fs/promises';
import type { Cancellable } from '../rig/contracts/capabilities.js';
import { type Json, RigError } from '../rig/contracts/errors.js';
import type { SnapshotManifest } from '../rig/contracts/snapshot.js';
import { withTimeout } from '../rig/lifetime/deadline.js';
import { findExecutable } from '../rig/lifetime/find-executable.js';
import { pollUntil } from '../rig/lifetime/poll.js';
import type { Machine } from './machine.js';

export type Compression = SnapshotManifest['state']['compression'];

const everyMs = 5;
/** A QEMU that does not call a save off in this time hangs. */
const callOffMs = 10_000;
/** QEMU's default of 128 MiB/s is made for networks. */
const bytesPerSecond = 2 ** 40;

/** zstd where the host has it: it writes a third of the bytes, and reading them back costs less than hashing the rest would. */
export function bestCompression(): Compression {
  return findExecutable('zstd') ? 'zstd' : 'none';
}

/**
 * Writes the stopped machine's memory and devices to `path`, which is complete when it is there. QEMU has then flushed its disks and
 * given up writing to them, until `cont`.
 *
 * @throws RigError `qmp.command-failed`, `qemu.migration-failed`; how QEMU ended; the signal's reason, after QEMU has stopped
 *   writing
 */
export async function saveState(
  machine: Machine,
  path: string,
  { compression, signal }: Cancellable & { readonly compression: Compression },
): Promise<void> {
  const partial = `${path}.part`;
  const writer = compression === 'zstd' ? 'zstd -q -1' : 'cat';
  // QEMU waits for the program and does not look at its exit code: the new name is the proof.
  const uri = `exec:${writer} >${quoted(partial)} && mv ${quoted(partial)} ${quoted(path)}`;
  await machine.execute('migrate-set-parameters', { 'max-bandwidth': bytesPerSecond }, { signal });
  await machine.execute('migrate', { uri });
  try {
    await migrated(machine, { signal });
  } catch (error) {
    if (signal?.aborted) await callOff(machine);
    throw error;
  }
  await access(path).catch((cause: unknown) => {
    throw failed('save', 'the program that writes it failed', cause);
  });
}

/** Fills a machine that was started for it (`loadsState`); it stays stopped. @throws as `saveState` */
export async function loadState(
  machine: Machine,
  path: string,
  { compression, signal }: Cancellable & { readonly compression: Compression },
): Promise<void> {
  const reader = compression === 'zstd' ? 'zstd -q -d -c' : 'cat';
  await machine.execute('migrate-incoming', { uri: `exec:${reader} <${quoted(path)}` }, { signal });
  await migrated(machine, { signal });
}

async function migrated(machine: Machine, { signal }: Cancellable): Promise<void> {
  const found = await pollUntil(() => migrationState(machine, signal), {
    what: 'QEMU to carry the state over',
    everyMs,
    signal,
  });
  if (found.status !== 'completed') throw failed('carry over', found.reason ?? found.status);
}

/** Its end; undefined while it is under way. */
async function migrationState(
  machine: Machine,
  signal?: AbortSignal,
): Promise<{ status: string; reason?: string } | undefined> {
  const answer = (await machine.execute('query-migrate', undefined, { signal })) as Record<string, Json>;
  const status = String(answer.status);
  if (!['completed', 'failed', 'cancelled'].includes(status)) return undefined;
  return { status, ...(answer['error-desc'] ? { reason: String(answer['error-desc']) } : {}) };
}

async function callOff(machine: Machine): Promise<void> {
  const what = 'QEMU to stop saving';
  await withTimeout(
    async (signal) => {
      await machine.execute('migrate_cancel', undefined, { signal });
      await pollUntil(() => migrationState(machine, signal), { what, everyMs, signal });
    },
    { timeoutMs: callOffMs, what },
  );
}

function failed(doing: string, reason: string, cause?: unknown): RigError {
  return new RigError(`QEMU cannot ${doing} the machine's state: ${reason}`, {
    code: 'qemu.migration-failed',
    blame: 'rig',
    hint: 'Look for room on the disk of this host, and for a device that QEMU cannot save.',
    cause,
  });
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`;
}
