import { readdir, stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { writeReports } from '../../../reports/write.js';
import { RigError } from '../../contracts/errors.js';
import { exitCodes } from '../../contracts/verdict.js';
import { eventsFile, runNamePattern } from '../../record/layout.js';
import type { CommandInput, CommandIo } from '../command.js';

/** `rig report RUN`: makes every report of a run again, from its folder alone. The run's own verdict is not the command's. */
export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  const [name = ''] = input.args as [string | undefined];
  const dir = await findRun(name, io.cwd);
  const { run, junit, tap, html } = await writeReports(dir);
  if (input.options.json === true) {
    const { counts, exitCode, truncated } = run;
    io.out(
      `${JSON.stringify({ run: run.run, dir, html, junit, tap, counts, exitCode, truncated }, null, 2)}\n`,
    );
    return exitCodes.passed;
  }
  for (const path of [html, junit, tap]) io.out(`${shortest(path, io.cwd)}\n`);
  if (run.truncated) io.err('The run has no end: its unfinished test is reported as errored.\n');
  return exitCodes.passed;
}

/** A path; else the name of a folder in ./runs, or `latest`. */
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

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

function shortest(path: string, cwd: string): string {
  const near = relative(cwd, path);
  return near.startsWith('..') ? path : near;
}
