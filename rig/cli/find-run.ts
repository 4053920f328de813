import { readdir, stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { RigError } from '../contracts/errors.js';
import { eventsFile, runNamePattern } from '../record/layout.js';

/**
 * The folder of a run: a path; else the name of a folder in ./runs, or `latest`.
 *
 * @throws RigError `record.not-a-run` (blame: config)
 */
export async function findRun(name: string, cwd: string): Promise<string> {
  const runsDir = join(cwd, 'runs');
  const candidates = [resolve(cwd, name), join(runsDir, name)];
  if (name === 'latest') {
    const newest = await newestRun(runsDir);
    if (newest !== undefined) return newest;
  }
  for (const dir of candidates) if (await isFile(join(dir, eventsFile))) return dir;
  const newest = await newestRun(runsDir);
  throw new RigError(
    `Cannot find a run called "${name}": there is no ${eventsFile} in ${candidates.join(' or ')}`,
    {
      code: 'record.not-a-run',
      blame: 'config',
      hint:
        newest === undefined
          ? 'Give the path of a run folder; rig run makes one in ./runs.'
          : `Give the path of a run folder, or "latest" for ${shortest(newest, cwd)}.`,
    },
  );
}

/** By the time in its name, which is when it began. */
async function newestRun(runsDir: string): Promise<string | undefined> {
  const names = await readdir(runsDir).catch(() => []);
  const newest = names
    .filter((name) => runNamePattern.test(name))
    .sort()
    .at(-1);
  return newest === undefined ? undefined : join(runsDir, newest);
}

export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** A path as a person would write it in `cwd`. */
export function shortest(path: string, cwd: string): string {
  const near = relative(cwd, path);
  return near.startsWith('..') ? path : near;
}
