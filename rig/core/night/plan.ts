import type { BoardConfig } from '../../contracts/board.js';
import type { Exclusion, HostLimits, Matrix, MatrixRow, NamedImage } from '../../contracts/matrix.js';
import type { JobCost, NightJob, NightTest } from '../../contracts/night.js';

/** Parts of a matrix: what a person asked for by hand. Absent: all. */
export interface NightFilter {
  readonly boards?: readonly string[] | undefined;
  readonly images?: readonly string[] | undefined;
  readonly suites?: readonly string[] | undefined;
}

export interface PlanContext {
  readonly boards: readonly BoardConfig[];
  readonly host: { readonly cpus: number; readonly memoryMiB: number };
  readonly filter?: NightFilter;
  /** The tests that a board would run. */
  readonly tests: (
    board: BoardConfig,
    row: { suites: readonly string[]; tier: MatrixRow['tier'] },
  ) => readonly NightTest[];
}

/** Beside the memory of the machine: QEMU's own, and that of the rig process that drives it. */
const overheadMiB = 256;

/**
 * Every board with every image, as jobs whose suites share boots. A combination that comes again takes the tier, priority and deadline of the
 * later row.
 */
export function planJobs(matrix: Matrix, context: PlanContext): NightJob[] {
  const jobs = combinations(matrix, context).flatMap((one) => job(one, { matrix, context }));
  const types = new Map(jobs.map(({ board, boardType }) => [board, boardType]));
  const ids = ownIds(jobs);
  return jobs.map((job, index) => ({
    ...job,
    id: ids[index] ?? job.id,
    others: [...types].flatMap(([name, type]) =>
      name !== job.board && type === job.boardType ? [name] : [],
    ),
  }));
}

/** Names may hold dots, so that two jobs may come to one id; "~" is in none. */
function ownIds(jobs: readonly Pick<NightJob, 'id'>[]): readonly string[] {
  const taken = new Set<string>();
  return jobs.map(({ id }) => {
    let own = id;
    for (let number = 2; taken.has(own); number += 1) own = `${id}~${number}`;
    taken.add(own);
    return own;
  });
}

interface Combination {
  readonly board: BoardConfig;
  readonly image: NamedImage;
  readonly row: MatrixRow;
  readonly suites: MatrixRow['suites'];
}

function combinations({ rows, exclude }: Matrix, { boards, filter = {} }: PlanContext): Combination[] {
  const taken = new Set<string>();
  const found: Combination[] = [];
  // The later row wins: it is asked first.
  for (const row of rows.toReversed()) {
    const own: Combination[] = [];
    for (const name of row.boards) {
      const board = boards.find((one) => one.name === name);
      if (!board || !fits(name, filter.boards)) continue;
      for (const image of row.images) {
        if (!fits(image.name, filter.images)) continue;
        const suites = row.suites.filter(({ name: suite }) => {
          const key = JSON.stringify([name, image.name, suite]);
          const isNew = !taken.has(key);
          taken.add(key);
          return (
            isNew && fits(suite, filter.suites) && !isExcluded(exclude, { name, image: image.name, suite })
          );
        });
        if (suites.length > 0) own.push({ board, image, row, suites });
      }
    }
    found.unshift(...own);
  }
  return found;
}

function fits(name: string, wanted: readonly string[] | undefined): boolean {
  return wanted === undefined || wanted.includes(name);
}

function isExcluded(
  exclude: readonly Exclusion[],
  { name, image, suite }: { name: string; image: string; suite: string },
): boolean {
  return exclude.some(
    (one) =>
      (one.boards === undefined || one.boards.includes(name)) &&
      (one.image === undefined || one.image === image) &&
      (one.suite === undefined || one.suite === suite),
  );
}

function job(
  { board, image, row, suites }: Combination,
  { matrix, context }: { matrix: Matrix; context: PlanContext },
): Omit<NightJob, 'others'>[] {
  const refs = suites.map(({ ref }) => ref);
  const tests = context.tests(board, { suites: refs, tier: row.tier });
  if (tests.length === 0) return [];
  const rowNumber = matrix.rows.indexOf(row);
  return [
    {
      id: `${board.name}.${image.name}${rowNumber === 0 ? '' : `.${rowNumber + 1}`}`,
      board: board.name,
      boardType: board.type.name,
      virtual: board.type.machine !== undefined,
      image: image.name,
      ...(image.ref === undefined ? {} : { imageRef: image.ref }),
      suites: refs,
      tier: row.tier,
      priority: row.priority,
      ...(row.deadlineMs === undefined ? {} : { deadlineMs: row.deadlineMs }),
      cost: costOf(board, { host: context.host, heavy: matrix.host.heavy }),
      tests,
    },
  ];
}

/**
 * A board of the desk costs this host next to nothing. What is large for the host counts as heavy without being named. One that could take every CPU leaves
 * one to others: a boot keeps one processor busy, and the others for moments.
 */
export function costOf(
  { name, type: { machine } }: BoardConfig,
  { host, heavy }: { host: { cpus: number; memoryMiB: number }; heavy: HostLimits['heavy'] },
): JobCost {
  if (!machine) return { cpus: 0, memoryMiB: 0, heavy: heavy.includes(name) };
  const isLarge = machine.memoryMiB > host.memoryMiB / 2 || (machine.cpus > 1 && machine.cpus >= host.cpus);
  return {
    cpus: Math.min(machine.cpus, Math.max(1, host.cpus - 1)),
    memoryMiB: machine.memoryMiB + overheadMiB,
    heavy: isLarge || heavy.includes(name),
  };
}

/** The part of one shard: what a machine runs of a night that several share. All jobs of a board of the desk are in one. */
export function shardOf(
  jobs: readonly NightJob[],
  { index, of }: { readonly index: number; readonly of: number },
): NightJob[] {
  const unitOf = (job: NightJob): string => (job.virtual ? `job ${job.id}` : `board ${job.board}`);
  const units = [...new Set(jobs.map(unitOf))].sort();
  const own = jobs.filter((job) => units.indexOf(unitOf(job)) % of === index - 1);
  // Another shard's boards are another machine's.
  const boards = new Set(own.map(({ board }) => board));
  return own.map((job) => ({ ...job, others: job.others.filter((name) => boards.has(name)) }));
}

/** The most valuable first: by priority, then what has not been judged for longest, then what takes longest. */
export function byValue(jobs: readonly NightJob[], lastJudgedMs: (job: NightJob) => number): NightJob[] {
  return [...jobs].sort(
    (a, b) =>
      b.priority - a.priority ||
      // What every night reaches differs by minutes only: by the day it is the same.
      dayOf(lastJudgedMs(a)) - dayOf(lastJudgedMs(b)) ||
      (b.usualMs ?? Number.MAX_SAFE_INTEGER) - (a.usualMs ?? Number.MAX_SAFE_INTEGER),
  );
}

function dayOf(ms: number): number {
  return Math.floor(ms / 86_400_000);
}
