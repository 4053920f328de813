import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../rig/config/package.js';
import type { RigEvent } from '../../rig/contracts/events.js';
import type { VerdictCounts } from '../../rig/contracts/verdict.js';
import { sumOf, type Totals } from './print.js';

interface BoardRun {
  readonly name: string;
  readonly suites: readonly string[];
  readonly boards: readonly string[];
  /** Absent: each board's reference image. */
  readonly image?: string;
}

const both = ['virt-arm64', 'virt-x86-64'];

/** The only ones with a watchdog and an engine; `npm run start:full` leaves them out. */
const fullUpdates: BoardRun = {
  name: 'full-updates',
  suites: ['rollback'],
  boards: ['virt-x86-64'],
  image: 'full+engine',
};

/** Through the command that a person uses. Updates take longest: on a pull request one board's forks share them. */
const runsOf = (tier: 'pr' | 'nightly'): readonly BoardRun[] => [
  {
    name: 'boards',
    suites: [
      'flashing',
      'boot',
      'networking',
      'config',
      'storage',
      'logging',
      'variants',
      'engine',
      'resilience',
    ],
    boards: both,
  },
  { name: 'updates', suites: ['rollback'], boards: tier === 'pr' ? ['virt-arm64'] : both },
  ...(tier === 'pr' ? [] : [fullUpdates]),
];

/** Runs them, showing what the command shows, and counts the verdicts that it left in its run folders. */
export async function runBoardSuites(
  tier: 'pr' | 'nightly',
  options: { resultsDir: string; signal: AbortSignal },
): Promise<Totals> {
  const all: Totals[] = [];
  for (const run of runsOf(tier))
    if (!options.signal.aborted) all.push(await runOne(run, { tier, ...options }));
  return sumOf(all);
}

async function runOne(
  { name, suites, boards, image }: BoardRun,
  { tier, resultsDir, signal }: { tier: string; resultsDir: string; signal: AbortSignal },
): Promise<Totals> {
  const runDir = join(resultsDir, name);
  rmSync(runDir, { recursive: true, force: true });
  const child = spawn(
    process.execPath,
    [
      join(packageRoot, 'dist/rig/cli/main.js'),
      ...['run', ...suites, ...boards.flatMap((board) => ['--board', board])],
      ...(image === undefined ? [] : ['--image', image]),
      ...['--jobs', '2', '--tier', tier],
      ...['--report', runDir, '--junit', join(resultsDir, `${name}.xml`)],
    ],
    { cwd: packageRoot, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  // The rig powers its boards off and writes its reports on SIGTERM.
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  signal.removeEventListener('abort', stop);
  return totalsFrom(countsIn(runDir), exitCode);
}

/** The counts of the run's last event; undefined when the run did not come to its end. */
function countsIn(runDir: string): VerdictCounts | undefined {
  const path = join(runDir, 'events.ndjson');
  if (!existsSync(path)) return undefined;
  const last = readFileSync(path, 'utf8').trimEnd().split('\n').at(-1);
  if (last === undefined || last === '') return undefined;
  const event = JSON.parse(last) as RigEvent;
  return event.type === 'run.end' ? event.counts : undefined;
}

/** What is neither passed nor skipped has failed; so has a run that ended badly with nothing to show for it. */
export function totalsFrom(counts: VerdictCounts | undefined, exitCode: number | null): Totals {
  const passed = (counts?.passed ?? 0) + (counts?.flaky ?? 0);
  const failed = (counts?.failed ?? 0) + (counts?.errored ?? 0) + (counts?.blocked ?? 0);
  const unexplained = (exitCode !== 0 && failed === 0) || counts === undefined;
  return { passed, failed: failed + (unexplained ? 1 : 0), skipped: counts?.skipped ?? 0 };
}
