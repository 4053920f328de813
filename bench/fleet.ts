import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fleet } from './fleet/fleet.js';
import type { BenchRow } from './row.js';

const boards = 100;
const baud = 115_200;
const seconds = 20;
const goalPercent = 0.3;
const goalMegabytes = 2;

/** A lab of many boards on one controller: recorded consoles at the speed of their lines, in one process. */
export async function run(): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'rig-bench-'));
  try {
    const result = await fleet({ folder, boards, baud, bytes: (baud / 10) * seconds });
    const percent = (result.cpuShare / boards) * 100;
    const megabytes = result.growthBytes / boards / 1e6;
    const wrong = result.wrongLogs.length + result.wrongWaits.length;
    const what = `${boards} boards at ${baud} baud in one process`;
    return [
      {
        what: `${what}, CPU a board`,
        value: percent,
        unit: '% of a core',
        goal: { text: `≤ ${goalPercent} %`, met: percent <= goalPercent },
      },
      {
        what: `${what}, memory a board`,
        value: megabytes,
        unit: 'MB of RSS',
        goal: { text: `≤ ${goalMegabytes}`, met: megabytes <= goalMegabytes },
      },
      {
        what: `${what}: boards with a byte lost, or one of ${result.waits} waits not answered in order`,
        value: wrong,
        unit: 'boards',
        goal: { text: '0', met: wrong === 0 },
      },
    ];
  } finally {
    await rm(folder, { recursive: true });
  }
}
