import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../rig/config/package.js';
import type { BenchRow } from './row.js';

const times = 9;
const goalCpuSeconds = 0.3;

/** `rig --help` against a Node that does nothing: what the rig's own start costs. */
export async function run(): Promise<BenchRow[]> {
  const help = await medianCpuSeconds([join(packageRoot, 'dist/rig/cli/main.js'), '--help']);
  const bare = await medianCpuSeconds(['-e', '0']);
  return [
    {
      what: 'rig --help',
      value: help,
      unit: 'CPU s',
      compared: { with: 'node -e 0', value: bare },
      goal: { text: `≤ ${goalCpuSeconds} CPU s`, met: help <= goalCpuSeconds },
    },
  ];
}

/** Of one process, by the ticks (1/100 s) that the kernel adds to this process for children that it waited for. */
async function medianCpuSeconds(args: readonly string[]): Promise<number> {
  const all: number[] = [];
  for (let round = 0; round < times; round += 1) {
    const before = childrenTicks();
    await promisify(execFile)(process.execPath, args);
    all.push((childrenTicks() - before) / 100);
  }
  return all.sort((a, b) => a - b)[Math.floor(times / 2)] ?? Number.NaN;
}

/** Fields 16 and 17 of /proc/self/stat (proc(5)); the program's name before them may hold spaces. */
function childrenTicks(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[13]) + Number(fields[14]);
}
