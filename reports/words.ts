import type { Blame } from '../rig/contracts/errors.js';
import { type Verdict, type VerdictCounts, verdicts } from '../rig/contracts/verdict.js';
import { type RunRecord, runProblem } from '../rig/record/model.js';

/** How every report names things, so that they read the same. */
export const blameWords: Readonly<Record<Blame, string>> = {
  board: "the board's fault",
  rig: "the rig's fault",
  suite: "the suite's fault",
  config: "the configuration's fault",
};

export const marks: Readonly<Record<Verdict, string>> = {
  passed: '✓',
  failed: '✗',
  errored: '!',
  blocked: '⊘',
  skipped: '–',
  flaky: '≈',
};

/** `0.4 s`, `12.3 s`, `3 min 20 s`, `1 h 05 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${pad(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${pad(Math.floor((seconds % 3600) / 60))} min`;
}

/** `12 passed, 1 failed`; verdicts that did not fall are left out. */
export function countWords(counts: VerdictCounts): string {
  const parts = verdicts
    .filter((verdict) => counts[verdict] > 0)
    .map((verdict) => `${counts[verdict]} ${verdict}`);
  return parts.length > 0 ? parts.join(', ') : 'no test ran';
}

/** The verdict on the whole run, as its exit code has it. */
export function runVerdict(run: RunRecord): { readonly word: string; readonly verdict: Verdict } {
  const { counts } = run;
  if (counts.failed > 0) return { word: 'Failed', verdict: 'failed' };
  if (run.signal !== undefined) return { word: 'Interrupted', verdict: 'errored' };
  if (run.truncated) return { word: 'Cut short', verdict: 'errored' };
  if (runProblem(run) || counts.errored > 0) return { word: 'Errored', verdict: 'errored' };
  if (counts.blocked > 0) return { word: 'Blocked', verdict: 'blocked' };
  if (counts.passed + counts.flaky + counts.skipped === 0) return { word: 'Nothing ran', verdict: 'errored' };
  if (counts.flaky > 0) return { word: 'Passed, flaky', verdict: 'flaky' };
  return counts.passed > 0 ? { word: 'Passed', verdict: 'passed' } : { word: 'Skipped', verdict: 'skipped' };
}

/** The command that does the same again, with the same seed. */
export function repeatCommand(run: RunRecord): string {
  const seeded = run.argv.some((word) => word === '--seed' || word.startsWith('--seed='));
  const words = [...run.argv, ...(seeded ? [] : ['--seed', String(run.seed)])];
  return ['npx', 'rig', ...words.map(shellWord)].join(' ');
}

/** The command that brings the boards of a failed test back to life where it failed. */
export function resumeCommand(run: string, test: string): string {
  return ['npx', 'rig', 'resume', run, test].map(shellWord).join(' ');
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function pad(number: number): string {
  return String(number).padStart(2, '0');
}
