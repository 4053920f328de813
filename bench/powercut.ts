import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../rig/config/package.js';
import type { PowercutSummary } from '../rig/core/powercut/judge/certificate.js';
import type { BenchRow } from './row.js';

const budget = '4m';

interface KeptTrial {
  readonly tier: 'boot' | 'full' | 'check';
  readonly trial: { readonly cpuSeconds?: number };
}

/**
 * What exploring the first boot of the tiny arm64 image takes, beside the naive way: for each state a copy of the medium and a boot. The
 * budget ends it where the host is slow; what is told is of the states that were judged.
 */
export async function run(): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'boardrig-bench-'));
  try {
    const out = join(folder, 'cut');
    const main = join(packageRoot, 'dist', 'rig', 'cli', 'main.js');
    const explore = ['powercut', 'virt-arm64', '--operation', 'first-boot', '--seed', '1'];
    const args = [main, ...explore, '--budget', budget, '--report', out, '--json'];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder });
    const summary = JSON.parse(stdout) as PowercutSummary;
    const trials = (await readFile(join(out, 'trials.ndjson'), 'utf8')).trim().split('\n');
    const kept = trials.map((line) => JSON.parse(line) as KeptTrial);
    const copyMs = await took(() => copyFile(join(out, 'base.raw'), join(folder, 'copy.raw')));
    return rowsOf(summary, { kept, copyMs });
  } finally {
    await rm(folder, { recursive: true });
  }
}

function rowsOf(
  { states, distinct, booted, left }: PowercutSummary,
  { kept, copyMs }: { kept: readonly KeptTrial[]; copyMs: number },
): BenchRow[] {
  const boots = kept.filter(({ tier }) => tier === 'boot');
  const full = kept.filter(({ tier }) => tier !== 'boot');
  const spent = seconds(boots) + seconds(full);
  const judged = states - left;
  const naive = judged * (seconds(full) / Math.max(1, full.length) + copyMs / 1000);
  return [
    {
      what: `power cuts of a first boot, tiny arm64: boots for ${judged} of ${states} states, ${distinct} distinct`,
      value: booted,
      unit: 'boots',
      compared: { with: 'one for each state', value: judged },
    },
    {
      what: 'the same, CPU of its boards',
      value: spent,
      unit: 'CPU s',
      compared: { with: 'a copy of the medium and a boot for each', value: naive },
    },
    {
      what: "the same, one bootloader's word",
      value: seconds(boots) / Math.max(1, boots.length),
      unit: 'CPU s of its board',
      goal: { text: '≤ 6 CPU s: 20 a minute on two cores', met: seconds(boots) <= 6 * boots.length },
    },
  ];
}

function seconds(trials: readonly KeptTrial[]): number {
  return trials.reduce((sum, { trial }) => sum + (trial.cpuSeconds ?? 0), 0);
}

async function took(act: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await act();
  return performance.now() - began;
}
