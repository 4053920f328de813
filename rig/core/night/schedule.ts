import type { JobCost } from '../../contracts/night.js';

/** Something to run on one of some boards; `More` is what whoever plans it knows besides. */
export type Task<More = unknown> = More & {
  readonly cost: JobCost;
  /** In the order preferred. */
  readonly boards: readonly string[];
  /** Taken when none of `boards` is usable, not when they are busy. */
  readonly lastResort?: string;
  /** Never rejects. @returns what has to follow, before everything that still waits */
  readonly begin: (board: string) => Promise<readonly Task<More>[]>;
};

export interface ScheduleOptions<More = unknown> {
  readonly host: { readonly cpus: number; readonly memoryMiB: number };
  /** Asked each time before a task begins; one that must not begin any more is left out. */
  readonly mayBegin: (task: Task<More>) => boolean;
  /** A board that went offline takes no further task. */
  readonly isUsable: (board: string) => boolean;
}

/**
 * Runs tasks in their order as far as the host and the boards allow, a later one before an earlier one that does not fit yet: no core is idle while
 * anything could use it. A board has one task at a time, and of the heavy tasks one runs at a time. A task that is larger than the host runs alone.
 */
export async function schedule<More>(
  tasks: readonly Task<More>[],
  options: ScheduleOptions<More>,
): Promise<void> {
  const waiting = [...tasks];
  const running = new Map<Promise<void>, Running<More>>();
  for (;;) {
    for (let next = take(waiting, [...running.values()], options); next; ) {
      const { task, board } = next;
      const done: Promise<void> = task.begin(board).then((followUps) => {
        running.delete(done);
        waiting.unshift(...followUps);
      });
      running.set(done, next);
      next = take(waiting, [...running.values()], options);
    }
    if (running.size === 0) return;
    await Promise.race(running.keys());
  }
}

interface Running<More> {
  readonly task: Task<More>;
  readonly board: string;
}

function take<More>(
  waiting: Task<More>[],
  running: readonly Running<More>[],
  { host, mayBegin, isUsable }: ScheduleOptions<More>,
): Running<More> | undefined {
  for (let index = 0; index < waiting.length; ) {
    const task = waiting[index] as Task<More>;
    const usable = usableBoards(task, isUsable);
    if (usable.length === 0 || !mayBegin(task)) {
      waiting.splice(index, 1);
      continue;
    }
    const board = usable.find((name) => !running.some((other) => other.board === name));
    if (board !== undefined && hasRoom(task.cost, { running, host })) {
      waiting.splice(index, 1);
      return { task, board };
    }
    index += 1;
  }
  return undefined;
}

function usableBoards({ boards, lastResort }: Task, isUsable: (board: string) => boolean): readonly string[] {
  const usable = boards.filter(isUsable);
  return usable.length === 0 && lastResort !== undefined && isUsable(lastResort) ? [lastResort] : usable;
}

function hasRoom(
  cost: JobCost,
  { running, host }: { running: readonly Running<unknown>[]; host: { cpus: number; memoryMiB: number } },
): boolean {
  const costs = running.map(({ task }) => task.cost);
  if (cost.heavy && costs.some(({ heavy }) => heavy)) return false;
  // What takes nothing of the host can always begin; what is larger than the host must begin alone, or it never would.
  if (cost.cpus === 0 && cost.memoryMiB === 0) return true;
  const used = costs.filter(({ cpus, memoryMiB }) => cpus > 0 || memoryMiB > 0);
  if (used.length === 0) return true;
  const sum = (of: (cost: JobCost) => number): number =>
    used.reduce((total, one) => total + of(one), of(cost));
  return sum(({ cpus }) => cpus) <= host.cpus && sum(({ memoryMiB }) => memoryMiB) <= host.memoryMiB;
}
