import { randomInt } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, RigError } from '../contracts/errors.js';
import type { NightPlan, NightReport } from '../contracts/night.js';
import { entries } from './disk-bytes.js';
import { eventsFile, ownerFile, runName } from './layout.js';
import type { RunRecord } from './model.js';
import { ownerLives, ownProcess } from './owner.js';
import { readRun } from './reader.js';
import { writeError } from './write-error.js';

/** Beside the run folders; the jobs' runs are in it. */
export const nightNamePattern = /^night-\d{8}T\d{6}Z-[0-9a-z]{6}$/;

const planFile = 'plan.json';
const reportFile = 'night.json';

/** One run of a job in a night's folder. */
export interface AttemptFolder {
  readonly attempt: number;
  /** Relative to the folder of the night. */
  readonly dir: string;
  /** Absent: there is nothing of a run in it. */
  readonly run?: RunRecord;
}

export function nightName(startedAt: Date): string {
  const id = randomInt(36 ** 6)
    .toString(36)
    .padStart(6, '0');
  return `night-${runName(startedAt, id)}`;
}

/** Makes the folder of a new night. A night whose plan is not there was never begun. @throws RigError `record.unwritable` */
export async function writePlan(dir: string, plan: NightPlan): Promise<void> {
  try {
    await mkdir(join(dir, 'jobs'), { recursive: true });
    await replace(join(dir, planFile), `${JSON.stringify(plan, null, 2)}\n`);
  } catch (error) {
    throw writeError(`the folder of the night ${dir}`, error);
  }
}

/** From now on this process is the one that runs the night. */
export async function ownNight(dir: string): Promise<void> {
  await writeFile(join(dir, ownerFile), `${JSON.stringify(ownProcess())}\n`);
}

export async function writeNight(dir: string, report: NightReport): Promise<void> {
  await replace(join(dir, reportFile), `${JSON.stringify(report, null, 2)}\n`);
}

/** @throws RigError `record.not-a-night` (blame: config) */
export async function readPlan(dir: string): Promise<NightPlan> {
  const path = join(dir, planFile);
  try {
    const plan = JSON.parse(await readFile(path, 'utf8')) as NightPlan;
    if (plan.v === 1 && Array.isArray(plan.jobs)) return plan;
    throw new TypeError(`format ${String(plan.v)} is not known`);
  } catch (error) {
    throw new RigError(`Cannot read a night from ${path}: ${messageOf(error)}`, {
      code: 'record.not-a-night',
      blame: 'config',
      hint: 'Give the folder of a night, its name in ./runs, or latest.',
      cause: error,
    });
  }
}

/** What the night came to. @throws RigError `record.not-a-night` (blame: config), also for one that has not ended */
export async function readNight(dir: string): Promise<NightReport> {
  const path = join(dir, reportFile);
  try {
    return JSON.parse(await readFile(path, 'utf8')) as NightReport;
  } catch (error) {
    throw new RigError(`Cannot read what a night came to from ${path}: ${messageOf(error)}`, {
      code: 'record.not-a-night',
      blame: 'config',
      hint: 'A night that was interrupted has none yet: rig nightly --resume.',
      cause: error,
    });
  }
}

/** Relative to the folder of the night. */
export function attemptDir(job: string, attempt: number): string {
  return `jobs/${job}/${attempt}`;
}

/** The runs of a job so far, in their order; one whose log cannot be read counts as none. */
export async function readAttempts(dir: string, job: string): Promise<AttemptFolder[]> {
  const names = (await entries(join(dir, 'jobs', job))).map(({ name }) => name);
  const numbers = names
    .filter((name) => /^\d{1,6}$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
  const found: AttemptFolder[] = [];
  for (const attempt of numbers) {
    const relative = attemptDir(job, attempt);
    const run = await readRun(join(dir, relative)).catch((error: unknown) => {
      if (error instanceof RigError) return undefined;
      throw error;
    });
    found.push({ attempt, dir: relative, ...(run ? { run } : {}) });
  }
  return found;
}

/** Runs of it that a process still writes: of a night that was killed they may take a moment to go. */
export async function livingAttempts(dir: string): Promise<string[]> {
  const living: string[] = [];
  for (const run of (await nightRuns(dir)).filter(ownerLives)) {
    // One that told its end is done; of a process on another host nothing else can be known.
    const known = await readRun(run).catch(() => undefined);
    if (known === undefined || known.truncated) living.push(run);
  }
  return living;
}

/** Every run folder of a night. */
export async function nightRuns(dir: string): Promise<string[]> {
  const found: string[] = [];
  for (const job of await entries(join(dir, 'jobs')))
    for (const attempt of await entries(join(dir, 'jobs', job.name))) {
      const run = join(dir, 'jobs', job.name, attempt.name);
      if (attempt.isDirectory() && (await readdir(run)).includes(eventsFile)) found.push(run);
    }
  return found.sort();
}

async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.part`, text);
  await rename(`${path}.part`, path);
}
