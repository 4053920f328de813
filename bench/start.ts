import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../rig/config/package.js';
import { readEvents } from './first-prompt/events.js';
import type { BenchRow } from './row.js';

const goalSeconds = 90;
const goalBoots = 3;

/** `npm start` on a machine that is set up: once before, so that what is measured is a later run. */
export async function run(): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'boardrig-bench-'));
  try {
    await start(folder, 'first');
    const { seconds, boots, qemuSeconds } = await start(folder, 'later');
    return [
      {
        what: '`npm start`, a later run, on the wall',
        value: seconds,
        unit: 's',
        compared: { with: "its boards' CPU", value: qemuSeconds },
        goal: { text: `≤ ${goalSeconds} s`, met: seconds <= goalSeconds },
      },
      {
        what: '`npm start`, cold boots',
        value: boots,
        unit: 'boots',
        goal: { text: `≤ ${goalBoots}`, met: boots <= goalBoots },
      },
    ];
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function start(
  folder: string,
  name: string,
): Promise<{ seconds: number; boots: number; qemuSeconds: number }> {
  const report = join(folder, name);
  const began = performance.now();
  await promisify(execFile)('npm', ['start', '--', '--report', report], {
    cwd: packageRoot,
    env: { ...process.env, XDG_RUNTIME_DIR: folder },
    maxBuffer: 64 * 1024 * 1024,
  });
  const seconds = (performance.now() - began) / 1000;
  const closed = (await readEvents(report)).filter((event) => event.type === 'board.close');
  return {
    seconds,
    boots: closed.reduce((sum, event) => sum + event.boots, 0),
    qemuSeconds: closed.reduce((sum, event) => sum + (event.cpuSeconds ?? 0), 0),
  };
}
