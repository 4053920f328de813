import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { messageOf, RigError } from '../contracts/errors.js';
import type { RigEvent, RunStart } from '../contracts/events.js';
import { countVerdicts, exitCodeOf, exitCodes } from '../contracts/verdict.js';
import { buildBoards } from './build-boards.js';
import { buildTests } from './build-tests.js';
import { eventsFile } from './layout.js';
import type { RunRecord } from './model.js';
import { corrupt, parseEvents } from './parse-events.js';

/**
 * Every event of a run folder, in order, as far as the log goes.
 *
 * @throws RigError `record.not-a-run`, `record.newer-format`, `record.corrupt`
 */
export async function readEvents(dir: string): Promise<readonly RigEvent[]> {
  const file = join(resolve(dir), eventsFile);
  return parseEvents(await readLog(file), file).events;
}

/**
 * Reads a run folder. A log without its end is read as far as it goes: tests under way become errored, and `truncated` says so.
 *
 * @throws RigError `record.not-a-run`, `record.newer-format`, `record.corrupt`
 */
export async function readRun(dir: string): Promise<RunRecord> {
  const folder = resolve(dir);
  const file = join(folder, eventsFile);
  const { events } = parseEvents(await readLog(file), file);
  const [first] = events;
  if (first?.type !== 'run.start') throw notARun(folder, `${eventsFile} does not begin with run.start`);
  const ends = events.filter((event) => event.type === 'run.end');
  const end = ends.at(-1);
  const durationMs = events.at(-1)?.t ?? 0;
  try {
    const { suites, tests } = buildTests(events, durationMs);
    const counts = countVerdicts(tests.map((test) => test.verdict));
    return {
      dir: folder,
      ...runFacts(first),
      startedAt: first.wall,
      durationMs,
      truncated: end === undefined,
      counts,
      exitCode:
        end?.exitCode ?? (exitCodeOf(counts) === exitCodes.failed ? exitCodes.failed : exitCodes.rigFailed),
      ...(end?.signal === undefined ? {} : { signal: end.signal }),
      ...(end?.error === undefined ? {} : { error: end.error }),
      boards: buildBoards(events, durationMs),
      suites,
      tests,
      logs: events.filter((event) => event.type === 'log'),
    };
  } catch (error) {
    // The shape of each event is not checked field by field; one that lacks a field shows as a TypeError.
    if (error instanceof TypeError) throw corrupt(file, events.length);
    throw error;
  }
}

function runFacts(
  start: RunStart,
): Pick<RunRecord, 'run' | 'argv' | 'rig' | 'host' | 'seed' | 'night' | 'imageName'> {
  const { run, argv, rig, host, seed, night, imageName } = start;
  return {
    ...{ run, argv, rig, host, seed },
    ...(night === undefined ? {} : { night }),
    ...(imageName === undefined ? {} : { imageName }),
  };
}

async function readLog(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw notARun(file, messageOf(error), error);
  }
}

function notARun(path: string, why: string, cause?: unknown): RigError {
  return new RigError(`Cannot read a run from ${path}: ${why}`, {
    code: 'record.not-a-run',
    blame: 'config',
    hint: `Give the folder of a run: the one that holds ${eventsFile}.`,
    cause,
  });
}
