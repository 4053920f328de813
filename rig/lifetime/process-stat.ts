import { readFileSync } from 'node:fs';

/** Linux reports times in clock ticks of 1/100 s to user space on every architecture (man 7 time, USER_HZ). */
const ticksPerSecond = 100;

/** A pid alone may name another process later; with its start time it cannot. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since the host booted. */
  readonly startTicks: number;
}

export interface ProcessStat extends ProcessIdentity {
  readonly parentPid: number;
  /** `Z` and `X` are dead already, only not yet waited for. */
  readonly state: string;
  /** User and system time of all its threads, those that ended too. */
  readonly cpuSeconds: number;
  /** The same of its children that have ended and were waited for, and of theirs. */
  readonly childrenCpuSeconds: number;
}

/** `/proc/PID/stat` (man 5 proc), or undefined when there is no such process. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  return {
    pid,
    state: fields[0] ?? '?',
    parentPid: field(4),
    cpuSeconds: (field(14) + field(15)) / ticksPerSecond,
    childrenCpuSeconds: (field(16) + field(17)) / ticksPerSecond,
    startTicks: field(22),
  };
}

/** Whether that very process still runs. A zombie does not. */
export function isRunning(identity: ProcessIdentity): boolean {
  const stat = readProcessStat(identity.pid);
  return stat?.startTicks === identity.startTicks && stat.state !== 'Z' && stat.state !== 'X';
}

/**
 * Signals that very process and no later one with its pid.
 *
 * @returns false when it had ended already
 */
export function killProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isRunning(identity)) return false;
  try {
    return process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
