import { readFileSync } from 'node:fs';

/** Environment variable with the process id of the driver: the preload speaks only to its own parent. */
export const usageParentVariable = 'BOARDRIG_TEST_DRIVER';

/** The kernel counts in USER_HZ, which is 100 on every architecture that Linux runs on (proc(5), getconf CLK_TCK). */
const ticksPerSecond = 100;

/**
 * CPU seconds, user and system, that `/proc/<pid>/stat` counts: fields 14 and 15 are the process's own, 16 and 17 those
 * of the children that it waited for (proc(5)). 0 for an empty text.
 */
export function cpuSecondsOf(stat: string, which: 'all' | 'children' = 'all'): number {
  // The second field is the program's name in parentheses, which may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = which === 'all' ? fields.slice(11, 15) : fields.slice(13, 15);
  return ticks.reduce((sum, field) => sum + Number(field), 0) / ticksPerSecond;
}

/** CPU seconds of all children that this process has waited for. */
export function childrenCpuSeconds(): number {
  return cpuSecondsOf(readFileSync('/proc/self/stat', 'utf8'), 'children');
}
