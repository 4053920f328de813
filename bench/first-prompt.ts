import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../rig/config/package.js';
import { median } from '../rig/core/statistics/median.js';
import { readEvents } from './first-prompt/events.js';
import type { BenchRow } from './row.js';

const rounds = 3;
const goalPercent = 5;
const goalStepSeconds = 0.3;

interface Usage {
  /** CPU seconds, from the start of the process until the board's prompt was there. */
  readonly controllerSeconds: number;
  /** Of programs that ended before it. */
  readonly programsSeconds: number;
  readonly qemuSeconds: number;
  /** Wall time from the bytes of the prompt until the step was done. */
  readonly stepSeconds: number;
}

/** What `rig run` of one small suite costs until the board's first prompt, beside what the board itself costs. */
export async function run(): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const board of ['virt-arm64', 'virt-x86-64']) {
    const all: Usage[] = [];
    for (let round = 0; round < rounds; round += 1) all.push(await toFirstPrompt(board));
    const of = (value: (usage: Usage) => number): number => median(all.map(value));
    const percent = of((usage) => (100 * usage.controllerSeconds) / usage.qemuSeconds);
    const stepSeconds = of((usage) => usage.stepSeconds);
    rows.push(
      {
        what: `a run to the first prompt, ${board}, the controller's share`,
        value: percent,
        unit: "% of QEMU's CPU",
        goal: { text: `≤ ${goalPercent} %`, met: percent <= goalPercent },
      },
      {
        what: `a run to the first prompt, ${board}, the controller`,
        value: of((usage) => usage.controllerSeconds),
        unit: 'CPU s',
        compared: { with: 'QEMU', value: of((usage) => usage.qemuSeconds) },
      },
      {
        what: 'the same, programs that it ran meanwhile',
        value: of((usage) => usage.programsSeconds),
        unit: 'CPU s',
      },
      {
        what: `from the bytes of the prompt to the step's end, ${board}`,
        value: stepSeconds,
        unit: 's',
        goal: { text: `≤ ${goalStepSeconds} s`, met: stepSeconds <= goalStepSeconds },
      },
    );
  }
  return rows;
}

async function toFirstPrompt(board: string): Promise<Usage> {
  const folder = await mkdtemp(join(tmpdir(), 'boardrig-bench-'));
  try {
    const usageFile = join(folder, 'usage.json');
    const runFolder = join(folder, 'run');
    const suite = join(packageRoot, 'bench/first-prompt/suite.mjs');
    const main = join(packageRoot, 'dist/rig/cli/main.js');
    await promisify(execFile)(
      process.execPath,
      [main, 'run', suite, '--board', board, '--report', runFolder],
      {
        cwd: folder,
        // A runtime folder of its own: nobody's session on the same board is in the way.
        env: { ...process.env, BENCH_USAGE: usageFile, XDG_RUNTIME_DIR: folder },
      },
    );
    const usage = JSON.parse(await readFile(usageFile, 'utf8')) as Omit<Usage, 'stepSeconds'>;
    return { ...usage, stepSeconds: stepSeconds(await readEvents(runFolder)) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The rig types its probe at the prompt: the console bytes before that are the prompt. */
function stepSeconds(events: Awaited<ReturnType<typeof readEvents>>): number {
  const probe = events.findIndex(
    (event) => event.type === 'console.input' && event.text.includes('shell probe'),
  );
  const prompt = events.slice(0, probe).findLast((event) => event.type === 'console');
  const done = events.find((event) => event.type === 'stage' && event.stage === 'shell');
  return done && prompt ? (done.t - prompt.t) / 1000 : Number.NaN;
}
