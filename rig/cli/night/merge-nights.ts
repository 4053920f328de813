import { constants } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { RigError } from '../../contracts/errors.js';
import type { NightPlan, NightReport } from '../../contracts/night.js';
import { nightName, readNight, readPlan, writePlan } from '../../record/night-folder.js';
import type { NightRan } from './run-night.js';

/** A shard of a night, where its machine has left it. */
interface Part {
  readonly dir: string;
  readonly plan: NightPlan;
  readonly report: NightReport;
}

/** A night whose reports can be made. */
export interface NightThatRan {
  readonly plan: NightPlan;
  readonly dir: string;
  readonly ran: NightRan;
}

/**
 * Makes one night of all shards of one: their jobs with their run folders, which are copied, so that every report can be made of it as of any night.
 *
 * @param options.place where the new folder goes, by its name
 * @throws RigError `night.not-all-shards`, `night.not-one-night`, `record.not-a-night` (blame: config)
 */
export async function mergeNights(
  dirs: readonly string[],
  { place, argv }: { place: (night: string) => string; argv: readonly string[] },
): Promise<NightThatRan> {
  const parts: Part[] = [];
  for (const dir of dirs) parts.push({ dir, plan: await readPlan(dir), report: await readNight(dir) });
  const [first] = parts.sort((a, b) => shardOf(a).index - shardOf(b).index);
  if (!first) throw new TypeError('no night to merge');
  assertWhole(parts);
  const { shard: _, ...common } = first.plan;
  const startedAt = parts.map(({ plan }) => plan.startedAt).sort()[0] ?? first.plan.startedAt;
  const night = nightName(new Date(startedAt));
  const plans = parts.map(({ plan }) => plan);
  const plan: NightPlan = {
    ...common,
    night,
    startedAt,
    argv,
    jobs: plans.flatMap(({ jobs }) => jobs).sort((a, b) => b.priority - a.priority),
    host: {
      ...common.host,
      name: plans.map(({ host }) => host.name).join(', '),
      cpus: plans.reduce((sum, { host }) => sum + host.cpus, 0),
      memoryMiB: plans.reduce((sum, { host }) => sum + host.memoryMiB, 0),
    },
  };
  const dir = place(night);
  await writePlan(dir, plan);
  for (const part of parts)
    for (const { id } of part.plan.jobs) await copyJob(join(part.dir, 'jobs', id), join(dir, 'jobs', id));
  return { plan, dir, ran: whatKept(parts) };
}

function shardOf({ dir, plan }: Part): NonNullable<NightPlan['shard']> {
  if (plan.shard) return plan.shard;
  throw new RigError(`The night in ${dir} is no shard: there is nothing to merge it with`, {
    code: 'night.not-one-night',
    blame: 'config',
    hint: 'Give the folders of `rig nightly --shard 1/3`, `--shard 2/3` and so on.',
  });
}

/** A shard that is not there would leave its jobs out, and what is left out looks as if all were well. */
function assertWhole(parts: readonly Part[]): void {
  const shards = parts.map(shardOf);
  const [{ of } = { of: 0 }] = shards;
  const ids = parts.flatMap(({ plan }) => plan.jobs.map(({ id }) => id));
  if (shards.some((shard) => shard.of !== of) || new Set(ids).size < ids.length)
    throw new RigError(`These are not the shards of one night: ${shards.map(words).join(', ')}`, {
      code: 'night.not-one-night',
      blame: 'config',
      hint: 'Each job of a night is in one of its shards; all are planned from the same matrix.',
    });
  const missing = Array.from({ length: of }, (_, index) => index + 1).filter(
    (index) => !shards.some((shard) => shard.index === index),
  );
  if (missing.length > 0 || shards.length > of)
    throw new RigError(
      missing.length > 0
        ? `Of the ${of} shards of the night ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`
        : `There are ${shards.length} folders of the ${of} shards of the night`,
      {
        code: 'night.not-all-shards',
        blame: 'config',
        hint: 'Give each of them once; a shard that was lost can be run again.',
      },
    );
}

function words({ index, of }: NonNullable<NightPlan['shard']>): string {
  return `${index} of ${of}`;
}

/** A job that was never begun has no folder. */
async function copyJob(from: string, to: string): Promise<void> {
  try {
    await cp(from, to, { recursive: true, mode: constants.COPYFILE_FICLONE });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** As the shards have told it. */
function whatKept(parts: readonly Part[]): NightRan {
  const reports = parts.map(({ report }) => report);
  const offline = reports.flatMap(({ boards }) =>
    boards.flatMap(({ name, offline }) => (offline === undefined ? [] : [[name, offline] as const])),
  );
  const reasons = reports
    .flatMap(({ jobs }) => jobs)
    .map(({ id, suites }) => {
      const blocked = suites
        .flatMap(({ tests }) => tests)
        .find(({ verdict, dir }) => verdict === 'blocked' && dir === undefined);
      return [id, blocked?.reason ?? 'it was not run'] as const;
    });
  const byJob = new Map(reasons);
  return { offline: new Map(offline), whyNot: ({ id }) => byJob.get(id) ?? 'it was not run' };
}
