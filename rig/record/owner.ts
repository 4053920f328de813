import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isRunning, readProcessStat } from '../lifetime/process-stat.js';
import { ownerFile } from './layout.js';

interface Owner {
  readonly pid: number;
  readonly startTicks: number;
  readonly host: string;
}

export function ownProcess(): Owner {
  return {
    pid: process.pid,
    startTicks: readProcessStat(process.pid)?.startTicks ?? 0,
    host: hostname(),
  };
}

/**
 * Whether the process that began the run in `dir` still lives. One on another host cannot be looked at and is taken
 * to live; a folder without a readable owner has none.
 */
export function ownerLives(dir: string): boolean {
  let owner: unknown;
  try {
    owner = JSON.parse(readFileSync(join(dir, ownerFile), 'utf8'));
  } catch {
    return false;
  }
  if (!isOwner(owner)) return false;
  return owner.host !== hostname() || isRunning(owner);
}

function isOwner(value: unknown): value is Owner {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, startTicks, host } = value as Partial<Record<keyof Owner, unknown>>;
  return typeof pid === 'number' && typeof startTicks === 'number' && typeof host === 'string';
}
