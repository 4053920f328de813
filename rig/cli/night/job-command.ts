import type { NightJob, NightPlan, NightTest } from '../../contracts/night.js';

export interface JobCommand {
  readonly plan: NightPlan;
  readonly job: NightJob;
  readonly board: string;
  /** Of the run, absolute. */
  readonly dir: string;
  readonly left: readonly NightTest[];
  readonly deadlineMs: number;
}

/** The words after `rig` that run what is left of a job: a person can give them by hand. */
export function jobCommand({ plan, job, board, dir, left, deadlineMs }: JobCommand): string[] {
  return [
    ...['run', ...job.suites, '--board', board, '--tier', job.tier],
    ...(job.imageRef === undefined ? [] : ['--image', job.imageRef]),
    ...['--image-name', job.image, '--retries', String(plan.retries), '--no-retry-errors'],
    ...['--seed', String(plan.seed), '--deadline', `${Math.max(1, Math.round(deadlineMs))}ms`],
    ...['--no-keep-on-failure', '--wait', '--report', dir],
    ...(plan.labFile === undefined ? [] : ['--lab', plan.labFile]),
    ...(left.length === job.tests.length
      ? []
      : left.flatMap(({ suite, name }) => ['--test', `${suite}/${name}`])),
  ];
}
