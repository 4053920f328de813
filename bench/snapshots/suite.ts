import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../rig/config/package.js';
import { median } from '../../rig/core/statistics/median.js';
import { readEvents } from '../first-prompt/events.js';
import type { BenchRow } from '../row.js';

const rounds = 3;
const board = 'virt-arm64';
const suite = 'networking';
const goalTimes = 3;

interface Cost {
  /** CPU seconds of the rig, of QEMU and of every program that they ran. */
  readonly all: number;
  readonly qemu: number;
}

/** A suite on boards that start from saved states, beside the same with `--cold`, in turns. */
export async function suiteRows(folder: string): Promise<BenchRow[]> {
  await runOnce(folder, { name: 'first', options: [] });
  const warm: Cost[] = [];
  const cold: Cost[] = [];
  for (let round = 0; round < rounds; round += 1) {
    warm.push(await runOnce(folder, { name: `warm-${round}`, options: [] }));
    cold.push(await runOnce(folder, { name: `cold-${round}`, options: ['--cold'] }));
  }
  const all = median(warm.map((cost) => cost.all));
  const allCold = median(cold.map((cost) => cost.all));
  return [
    {
      what: `suite ${suite} warm, ${board}, QEMU and the rig`,
      value: all,
      unit: 'CPU s',
      compared: { with: '--cold', value: allCold },
      goal: { text: `ratio ≤ 1/${goalTimes}`, met: all * goalTimes <= allCold },
    },
    {
      what: 'the same, QEMU alone',
      value: median(warm.map((cost) => cost.qemu)),
      unit: 'CPU s',
      compared: { with: '--cold', value: median(cold.map((cost) => cost.qemu)) },
    },
  ];
}

async function runOnce(
  folder: string,
  { name, options }: { name: string; options: readonly string[] },
): Promise<Cost> {
  const report = join(folder, name);
  const main = join(packageRoot, 'dist/rig/cli/main.js');
  const command = [process.execPath, main, 'run', suite, '--board', board, '--report', report, ...options];
  // The shell's own measure (POSIX `times`) counts everything that was waited for below it.
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', '"$@" >&2; times', 'sh', ...command], {
    cwd: folder,
    // A runtime folder of its own: nobody's session on the same board is in the way.
    env: { ...process.env, XDG_RUNTIME_DIR: folder },
  });
  const closed = (await readEvents(report)).filter((event) => event.type === 'board.close');
  return {
    all: childrenSeconds(stdout),
    qemu: closed.reduce((sum, { cpuSeconds = 0 }) => sum + cpuSeconds, 0),
  };
}

/** The second line of `times`: user and system time of the children, `0m4.12s 0m0.80s`. */
function childrenSeconds(times: string): number {
  const [, children = ''] = times.trim().split('\n');
  const parts = [...children.matchAll(/(\d+)m([\d.]+)s/g)];
  if (parts.length !== 2) throw new Error(`cannot read the shell's times: ${JSON.stringify(times)}`);
  return parts.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0);
}
