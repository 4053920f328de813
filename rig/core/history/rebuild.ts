import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import { eventsFile, runNamePattern } from '../../record/layout.js';
import { nightNamePattern, nightRuns } from '../../record/night-folder.js';
import { readRun } from '../../record/reader.js';
import type { Found, HistoryFile } from './database.js';
import { recordRun } from './record.js';

export interface Rebuilt {
  readonly found: Found;
  readonly runs: number;
  /** Runs that are known and have no folder any more; they stay as they were. */
  readonly kept: number;
  /** Folders that could not be read, and why. */
  readonly unreadable: readonly { readonly dir: string; readonly why: string }[];
}

/** Enters every run of the folder anew. What is known of runs that were deleted stays, unless the file itself cannot be read. */
export function rebuild(
  history: HistoryFile,
  { runsDir, signal }: Cancellable & { readonly runsDir: string },
): Promise<Rebuilt> {
  return history.change(
    async (writer, found) => {
      const unreadable: { dir: string; why: string }[] = [];
      const entered = new Set<string>();
      for (const dir of await runFolders(runsDir)) {
        signal?.throwIfAborted();
        try {
          const run = await readRun(dir);
          recordRun(writer, run);
          entered.add(run.run);
        } catch (error) {
          if (!(error instanceof RigError)) throw error;
          unreadable.push({ dir, why: error.message });
        }
      }
      const known = Number(writer.all('select count(*) as n from run')[0]?.n ?? 0);
      return { found, runs: entered.size, kept: known - entered.size, unreadable };
    },
    { thorough: true, ...(signal ? { signal } : {}) },
  );
}

async function runFolders(runsDir: string): Promise<string[]> {
  const entries = await readdir(runsDir, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const folders: string[] = [];
  for (const entry of entries) {
    if (!entry.isDirectory() || entry.name.startsWith('.')) continue;
    const dir = join(runsDir, entry.name);
    if (nightNamePattern.test(entry.name)) {
      folders.push(...(await nightRuns(dir)));
      continue;
    }
    // A run that a person renamed stays, and counts.
    if (runNamePattern.test(entry.name) || (await readdir(dir)).includes(eventsFile)) folders.push(dir);
  }
  return folders.sort();
}
