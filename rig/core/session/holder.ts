import { readFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { RigError } from '../../contracts/errors.js';
import type { Holder } from '../../contracts/session.js';

/** This process, as others are told who uses a board. */
export function thisHolder(command: string): Holder {
  return { pid: process.pid, command, user: userName(), host: hostname(), since: new Date().toISOString() };
}

/** `rig run boot (pid 123, ada, bench1) since 2026-01-31T12:00:00.000Z` */
export function describeHolder({ command, pid, user, host, since }: Holder): string {
  return `${command} (pid ${pid}, ${user}, ${host}) since ${since}`;
}

export function busyError(board: string, holder: Holder | undefined): RigError {
  return new RigError(
    `Board "${board}" is busy: ${holder ? describeHolder(holder) : 'another process has it and does not say who it is'}`,
    {
      code: 'session.busy',
      blame: 'rig',
      hint: `Add --wait to wait for it, or end it with: rig down ${board} --force`,
      ...(holder ? { evidence: { holder: { ...holder } } } : {}),
    },
  );
}

/** @returns undefined for anything that is not a holder */
export function parseHolder(text: string): Holder | undefined {
  try {
    return asHolder(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export function asHolder(value: unknown): Holder | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { pid, command, user, host, since } = value as Record<string, unknown>;
  if (typeof pid !== 'number') return undefined;
  const texts = [command, user, host, since];
  if (!texts.every((text): text is string => typeof text === 'string' && text.length < 4_096))
    return undefined;
  return { pid, command: String(command), user: String(user), host: String(host), since: String(since) };
}

export function readHolder(file: string): Holder | undefined {
  try {
    return parseHolder(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a uid that has no name.
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}
