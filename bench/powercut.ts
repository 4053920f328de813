import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../rig/config/package.js';
import type { Certificate } from '../rig/contracts/powercut-verdict.js';
import type { BenchRow } from './row.js';

const budget = '4m';

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
    await promisify(execFile)(process.execPath, args, { cwd: folder });
    const certificate = JSON.parse(await readFile(join(out, 'certificate.json'), 'utf8')) as Certificate;
    const copyMs = await took(() => copyFile(join(out, 'base.raw'), join(folder, 'copy.raw')));
    return rowsOf(certificate, { copyMs });
  } finally {
    await rm(folder, { recursive: true });
  }
}

function rowsOf(
  { states, distinct, booted, left, spent }: Certificate,
  { copyMs }: { readonly copyMs: number },
): BenchRow[] {
  const boot = sum(spent.filter(({ tier }) => tier === 'boot'));
  const full = sum(spent.filter(({ tier }) => tier !== 'boot'));
  const cpuSeconds = boot.cpuSeconds + full.cpuSeconds;
  const judged = states - left;
  const naive = judged * (full.cpuSeconds / Math.max(1, full.boots) + copyMs / 1000);
  const what = 'power cuts of a first boot, tiny arm64';
  return [
    {
      what: `${what}: distinct of ${judged} states that were judged (${left} left by ${budget})`,
      value: distinct,
      unit: 'states',
      compared: { with: 'all of them', value: judged },
    },
    {
      what: 'the same, boots',
      value: booted,
      unit: 'boots',
      compared: { with: 'one for each state', value: judged },
    },
    {
      what: 'the same, CPU of its boards',
      value: cpuSeconds,
      unit: 'CPU s',
      compared: { with: 'a copy of the medium and a boot for each state', value: naive },
    },
    { what: 'the same, saved', value: naive - cpuSeconds, unit: 'CPU s' },
    {
      what: "the same, one bootloader's word",
      value: boot.cpuSeconds / Math.max(1, boot.boots),
      unit: 'CPU s of its board',
      goal: { text: '≤ 6 CPU s: 20 a minute on two cores', met: boot.cpuSeconds <= 6 * boot.boots },
    },
    {
      what: 'the same, one full judgement',
      value: full.cpuSeconds / Math.max(1, full.boots),
      unit: 'CPU s of its board',
    },
  ];
}

function sum(spent: Certificate['spent']): { readonly boots: number; readonly cpuSeconds: number } {
  return {
    boots: spent.reduce((all, { boots }) => all + boots, 0),
    cpuSeconds: spent.reduce((all, one) => all + one.cpuSeconds, 0),
  };
}

async function took(act: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await act();
  return performance.now() - began;
}
