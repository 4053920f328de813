import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { eventVersion } from '../contracts/events.js';
import { diskBytes, entries, unlessGone } from './disk-bytes.js';
import { eventsFile, runNamePattern } from './layout.js';
import { nightNamePattern } from './night-folder.js';
import { ownerLives } from './owner.js';

export interface RetentionRule {
  /** How many runs stay; default 50. */
  readonly keep?: number;
  /** Disk space that the runs may fill together; default 5 GiB. The newest run stays whatever its size. */
  readonly maxBytes?: number;
}

const deleting = '.deleting-';
const defaultKeep = 50;
const defaultNights = 30;
const defaultMaxBytes = 5 * 1024 ** 3;

/**
 * Deletes the oldest runs until at most `keep` are left and they fill at most `maxBytes`. Never touches a run in
 * progress, nor anything that is not a run of this version under the name that the rig gave it: rename a run and it stays for ever.
 *
 * @returns the names of the deleted runs, oldest first
 */
export async function prune(runsDir: string, rule: RetentionRule = {}): Promise<readonly string[]> {
  return deleteOldest(runsDir, await finishedRuns(runsDir), rule);
}

/** The same of nights, which are counted by themselves: a night has many runs. @returns the names of the deleted nights */
export async function pruneNights(runsDir: string, rule: RetentionRule = {}): Promise<readonly string[]> {
  const names = (await entries(runsDir))
    .filter((entry) => entry.isDirectory() && nightNamePattern.test(entry.name))
    .map(({ name }) => name)
    .filter((name) => !ownerLives(join(runsDir, name)));
  return deleteOldest(runsDir, names.sort(), { keep: defaultNights, ...rule });
}

async function deleteOldest(
  runsDir: string,
  oldestFirst: readonly string[],
  rule: RetentionRule,
): Promise<readonly string[]> {
  const keep = Math.max(1, rule.keep ?? defaultKeep);
  const maxBytes = rule.maxBytes ?? defaultMaxBytes;
  for (const entry of await entries(runsDir))
    if (entry.name.startsWith(deleting))
      await rm(join(runsDir, entry.name), { recursive: true, force: true });
  const newestFirst = oldestFirst.toReversed();
  const deleted: string[] = [];
  let bytes = 0;
  for (const [index, name] of newestFirst.entries()) {
    bytes += await diskBytes(join(runsDir, name));
    if (index === 0 || (index < keep && bytes <= maxBytes)) continue;
    if (await remove(runsDir, name)) deleted.push(name);
  }
  return deleted.toReversed();
}

/** Names of the runs that nobody writes any more, oldest first. */
async function finishedRuns(runsDir: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await entries(runsDir)) {
    const dir = join(runsDir, entry.name);
    // A symbolic link is not a directory here, and stays.
    if (!entry.isDirectory() || !runNamePattern.test(entry.name)) continue;
    if ((await isRun(dir)) && ((await hasEnded(dir)) || !ownerLives(dir))) names.push(entry.name);
  }
  return names.sort();
}

async function isRun(dir: string): Promise<boolean> {
  try {
    await using file = await open(join(dir, eventsFile));
    const { buffer, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0);
    const head = buffer.toString('latin1', 0, bytesRead);
    return head.startsWith(`{"v":${eventVersion},"seq":0,`);
  } catch {
    return false;
  }
}

/** The last event of a run that ended is `run.end`, or close to it. Quotes of any text are escaped: only the event itself matches. */
async function hasEnded(dir: string): Promise<boolean> {
  const tail = await unlessGone(async () => {
    await using file = await open(join(dir, eventsFile));
    const { size } = await file.stat();
    const bytes = Buffer.alloc(Math.min(size, 64 * 1024));
    await file.read(bytes, 0, bytes.length, size - bytes.length);
    return bytes;
  });
  return tail?.includes('"type":"run.end"') ?? false;
}

/**
 * Renamed first: a deletion that is cut short leaves nothing that looks like a run, and the next one ends it.
 *
 * @returns false when another run had deleted it already
 */
async function remove(runsDir: string, name: string): Promise<boolean> {
  const doomed = join(runsDir, `${deleting}${name}`);
  const renamed = await unlessGone(async () => {
    await rename(join(runsDir, name), doomed);
    return true;
  });
  if (renamed) await rm(doomed, { recursive: true, force: true });
  return renamed ?? false;
}
