import type {
  NightFailure,
  NightReport,
  NightResult,
  SuiteCell,
  TrendPoint,
} from '../../rig/contracts/night.js';
import { countVerdicts, type Verdict } from '../../rig/contracts/verdict.js';
import { worstOf } from '../../rig/core/history/nights.js';
import { jobOf, planOf } from './plans.js';

/** What a hostile board, suite or person may call things. */
export const hostile = `</pre><script>document.title='owned'</script><img src=x onerror="alert(1)">\u202e"'`;

const boards = ['virt-arm64', 'virt-x86-64', 'raspi3', 'sabrelite', 'desk-imx6'];
const suites = ['boot', 'networking', 'flashing', 'rollback'];

function trend(verdicts: readonly Verdict[]): TrendPoint[] {
  return verdicts.map((verdict, index) => ({
    night: `night-202603${String(index + 1).padStart(2, '0')}T010000Z-aaaaaa`,
    verdict,
    passed: verdict === 'passed' ? 6 : 5,
    of: 6,
    ms: 30_000 + ((index * 7919) % 9) * 1_500,
  }));
}

const usual: readonly Verdict[] = [
  'passed',
  'passed',
  'flaky',
  'passed',
  'passed',
  'passed',
  'passed',
  'failed',
  'passed',
  'passed',
  'passed',
];

/** A night with everything that a page has to show. @param name of a test, an error and a reason */
export function toldNight(name = 'reaches an HTTP server of the rig'): NightReport {
  const quarantine = {
    places: 1,
    test: `rollback/${name}`,
    reason: name,
    owner: 'https://bugs.example.com/17',
    expires: '2026-04-30',
    releaseAfter: 5,
  };
  const plan = planOf(
    boards.map((board) =>
      jobOf({
        id: `${board}.default`,
        board,
        virtual: board !== 'desk-imx6',
        cost: { cpus: board === 'desk-imx6' ? 0 : 1, memoryMiB: 512, heavy: false },
      }),
    ),
    { quarantine: [quarantine], deadlineMs: 3_600_000, flakyLimit: 2 },
  );
  const verdictOf = (board: string, suite: string, index: number): Verdict => {
    if (board === 'desk-imx6') return 'blocked';
    if (index !== 2) return index === 5 && suite === 'flashing' ? 'skipped' : 'passed';
    if (suite === 'networking' && board === 'raspi3') return 'failed';
    if (suite === 'boot' && board === 'sabrelite') return 'errored';
    if (suite === 'rollback' && board === 'virt-arm64') return 'failed';
    return suite === 'flashing' && board === 'virt-x86-64' ? 'flaky' : 'passed';
  };
  const result = (board: string, suite: string, index: number): NightResult => {
    const verdict = verdictOf(board, suite, index);
    const test = {
      suite,
      name: index === 2 ? name : `keeps promise ${index + 1}`,
      verdict,
      ms: 4_000 + index * 700,
    };
    if (verdict === 'blocked') return { ...test, ms: 0, reason: `${board} is offline: power on: ${name}` };
    const place = { dir: `jobs/${board}.default/1`, id: `${board}/${suite}/${test.name}` };
    if (verdict === 'passed' || verdict === 'skipped') return { ...test, ...place };
    const blame = verdict === 'errored' ? 'rig' : 'board';
    return {
      ...test,
      ...place,
      error: {
        code: blame === 'rig' ? 'console.lost' : 'console.timeout',
        blame,
        message: `Cannot match "login:" on the console within 90000 ms (${name})`,
        hint: 'Look at what init started last.',
      },
      ...(suite === 'rollback' ? { quarantine } : {}),
    };
  };
  const jobs = boards.map((board, row) => ({
    id: `${board}.default`,
    board,
    image: 'default',
    attempts:
      board === 'desk-imx6'
        ? []
        : [
            {
              attempt: 1,
              board,
              dir: `jobs/${board}.default/1`,
              startMs: 1_000 + Math.floor(row / 2) * 190_000,
              endMs: 180_000 + Math.floor(row / 2) * 190_000 + row * 9_000,
              boots: 4,
              boardCpuSeconds: 120 + row,
              truncated: false,
            },
          ],
    suites: suites.map((suite): SuiteCell => {
      const tests = [0, 1, 2, 3, 4, 5].map((index) => result(board, suite, index));
      const counts = countVerdicts(tests.map(({ verdict }) => verdict));
      return {
        suite,
        tests,
        counts,
        verdict: worstOf(counts),
        excused: suite === 'rollback' && counts.failed > 0,
        ms: 39_000,
        trend: trend(usual.slice(row)),
      };
    }),
  }));
  const results = jobs.flatMap((job) =>
    job.suites.flatMap(({ tests }) => tests.map((test) => ({ job, test }))),
  );
  const failures = results
    .filter(({ test }) => test.verdict === 'failed' || test.verdict === 'errored')
    .map(
      ({ job, test }): NightFailure => ({
        ...test,
        board: job.board,
        image: job.image,
        isNew: test.quarantine === undefined,
        ...(test.quarantine ? {} : { lastGood: '2026-03-09T01:12:00.000Z' }),
        console: `[    2.113] eth0: link up\n\x1b[32mOK\x1b[0m Started dropbear\n${name}\n[   12.500] udhcpc: sending discover`,
      }),
    )
    .sort((a, b) => Number(b.isNew) - Number(a.isNew));
  return {
    plan,
    durationMs: 590_000,
    rigCpuSeconds: 12.4,
    exitCode: 1,
    counts: countVerdicts(results.map(({ test }) => test.verdict)),
    excused: 1,
    boards: boards.map((board) => ({
      name: board,
      type: board,
      virtual: board !== 'desk-imx6',
      ...(board === 'desk-imx6' ? { offline: `power on: ${name}` } : {}),
    })),
    jobs,
    failures,
    quarantine: [{ ...quarantine, state: 'failing', passedNights: 0, release: false }],
    slowerStages: [
      {
        board: 'raspi3',
        stage: 'kernel',
        medianMs: 4_200,
        medianBeforeMs: 2_900,
        boots: 4,
        bootsBefore: 40,
        p: 0.0031,
      },
    ],
    notes: [`The quarantined test ${name} was not run tonight: is its name right?`],
  };
}
