import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RigError } from '../../contracts/errors.js';
import { readLeftBehind } from '../../lifetime/left-behind.js';
import { boardPlaces, type SessionRoots } from './directory.js';

/** A board whose rig failed its check, until it passes one. */
export interface Offline {
  /** The first thing that was wrong. */
  readonly reason: string;
  /** ISO 8601 UTC. */
  readonly since: string;
}

/** Notes what the check of a board came to; `reason` undefined: it passed. */
export function noteCheck(name: string, reason: string | undefined, roots: SessionRoots): void {
  const path = fileOf(name, roots);
  if (reason === undefined) {
    rmSync(path, { force: true });
    return;
  }
  const since = readOffline(name, roots)?.since ?? new Date().toISOString();
  mkdirSync(boardPlaces(name, roots).state, { recursive: true, mode: 0o700 });
  writeFileSync(path, `${JSON.stringify({ reason, since })}\n`, { mode: 0o600 });
}

/** Undefined for a board that passed its last check, or was never checked. */
export function readOffline(name: string, roots: SessionRoots): Offline | undefined {
  try {
    const value = JSON.parse(readFileSync(fileOf(name, roots), 'utf8')) as Offline;
    return typeof value.reason === 'string' && typeof value.since === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Devices of a board that may still have power because the process that drove them died. */
export function leftOn(name: string, roots: SessionRoots): string[] {
  return readLeftBehind(boardPlaces(name, roots).deviceState)
    .filter(({ what, state }) => what === 'power' && (state as { power?: unknown }).power === 'on')
    .map(({ device }) => device);
}

export function offlineError(name: string, { reason, since }: Offline): RigError {
  return new RigError(`Board "${name}" is offline since ${since}: ${reason}`, {
    code: 'board.offline',
    blame: 'rig',
    hint: `Put that right, then: rig check ${name}`,
    evidence: { since, reason },
  });
}

function fileOf(name: string, roots: SessionRoots): string {
  return join(boardPlaces(name, roots).state, 'offline.json');
}
