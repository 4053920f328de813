import type {
  JobAttempt,
  JobResult,
  NightBoard,
  NightFailure,
  NightJob,
  NightPlan,
  NightReport,
  NightResult,
  QuarantineState,
  SlowerStage,
  SuiteCell,
} from '../../contracts/night.js';
import {
  countVerdicts,
  exitCodeOf,
  exitCodeOfSignal,
  exitCodes,
  type VerdictCounts,
} from '../../contracts/verdict.js';
import { lastWord, nightsPassed, suiteTrend, type TestNights, worstOf } from '../history/nights.js';
import { type Attempted, outcomeOf } from './outcome.js';
import { isExcused, quarantineOf, stateOf } from './quarantine.js';

/** Everything that a night's report is made from. */
export interface NightFacts {
  readonly plan: NightPlan;
  readonly attempts: (job: NightJob) => readonly Attempted[];
  /** Earlier nights of the job's tests. */
  readonly known: (job: NightJob) => readonly TestNights[];
  /** Why a job, or what is left of it, was not run. */
  readonly whyNot: (job: NightJob) => string;
  readonly offline: ReadonlyMap<string, string>;
  readonly console: (result: NightResult) => string | undefined;
  readonly slowerStages: readonly SlowerStage[];
  readonly signal?: string | undefined;
  /** Of the night's process and its children, the boards among them. */
  readonly cpuSeconds?: number | undefined;
}

/** Pure: the same folders and the same history give the same report. */
export function nightReport(facts: NightFacts): NightReport {
  const { plan, signal, cpuSeconds } = facts;
  const jobs = plan.jobs.map((job) => jobResult(job, facts));
  const results = jobs.flatMap(({ suites }) => suites.flatMap(({ tests }) => tests));
  const counts = countVerdicts(results.map(({ verdict }) => verdict));
  const excused = countVerdicts(results.filter((one) => excuses(one, plan)).map(({ verdict }) => verdict));
  const quarantine = plan.quarantine.map((one) => quarantineState(one, { jobs, facts }));
  return {
    plan,
    durationMs: Math.max(0, ...jobs.flatMap(({ attempts }) => attempts.map(({ endMs }) => endMs))),
    ...(cpuSeconds === undefined ? {} : { rigCpuSeconds: Math.max(0, cpuSeconds - boardCpuSeconds(jobs)) }),
    exitCode: exitCodeOfNight(plan, { counts, excused, signal }),
    ...(signal === undefined ? {} : { signal }),
    counts,
    excused: excused.failed + excused.flaky,
    boards: boardsOf(facts),
    jobs,
    failures: failuresOf(jobs, facts),
    quarantine,
    slowerStages: facts.slowerStages,
    notes: quarantine
      .filter(({ places }) => places === 0)
      .map(({ test }) => `No test of the matrix is ${test}, which is in quarantine: is its name right?`),
  };
}

function boardCpuSeconds(jobs: readonly JobResult[]): number {
  return jobs
    .flatMap(({ attempts }) => attempts)
    .reduce((sum, { boardCpuSeconds }) => sum + boardCpuSeconds, 0);
}

function exitCodeOfNight(
  { flakyLimit }: NightPlan,
  night: { counts: VerdictCounts; excused: VerdictCounts; signal: string | undefined },
): number {
  const { counts, excused, signal } = night;
  const ended = exitCodeOfSignal(signal);
  if (ended !== undefined) return ended;
  if (flakyLimit !== undefined && counts.flaky - excused.flaky > flakyLimit) return exitCodes.failed;
  return exitCodeOf({
    ...counts,
    failed: counts.failed - excused.failed,
    passed: counts.passed + excused.failed,
  });
}

function jobResult(job: NightJob, facts: NightFacts): JobResult {
  const attempts = facts.attempts(job);
  const known = facts.known(job);
  const suites = [...new Set(job.tests.map(({ suite }) => suite))];
  return {
    id: job.id,
    board: job.board,
    image: job.image,
    attempts: attempts.flatMap((one) => attemptOf(one, facts.plan)),
    suites: suites.map((suite): SuiteCell => {
      const tests = job.tests
        .filter((test) => test.suite === suite)
        .map((test) => resultOf(job, { test, attempts, facts }));
      const counts = countVerdicts(tests.map(({ verdict }) => verdict));
      const bad = tests.filter(({ verdict }) => verdict !== 'passed' && verdict !== 'skipped');
      return {
        suite,
        counts,
        verdict: worstOf(counts),
        excused: bad.length > 0 && bad.every((test) => excuses(test, facts.plan)),
        ms: tests.reduce((sum, { ms }) => sum + ms, 0),
        trend: suiteTrend(known, suite),
        tests,
      };
    }),
  };
}

function resultOf(
  job: NightJob,
  of: { test: NightJob['tests'][number]; attempts: readonly Attempted[]; facts: NightFacts },
): NightResult {
  const { test, attempts, facts } = of;
  const outcome = outcomeOf(attempts, test) ?? { verdict: 'blocked', ms: 0, reason: facts.whyNot(job) };
  const quarantine = quarantineOf(facts.plan.quarantine, { ...test, board: job.board, image: job.image });
  return { ...test, ...outcome, ...(quarantine ? { quarantine } : {}) };
}

function excuses({ quarantine, verdict }: NightResult, { startedAt }: NightPlan): boolean {
  return isExcused(quarantine, { verdict, startedAt });
}

function attemptOf({ attempt, dir, run }: Attempted, { startedAt }: NightPlan): JobAttempt[] {
  if (!run) return [];
  const startMs = Date.parse(run.startedAt) - Date.parse(startedAt);
  return [
    {
      attempt,
      dir,
      board: run.boards[0]?.name ?? '',
      startMs,
      endMs: startMs + run.durationMs,
      boots: run.boards.reduce((sum, { boots }) => sum + boots, 0),
      boardCpuSeconds: run.boards.reduce((sum, { cpuSeconds }) => sum + (cpuSeconds ?? 0), 0),
      truncated: run.truncated,
    },
  ];
}

function boardsOf({ plan, offline }: NightFacts): NightBoard[] {
  const boards = new Map(plan.jobs.map((job) => [job.board, job]));
  return [...boards.values()].map(({ board, boardType, virtual }) => {
    const why = offline.get(board);
    return { name: board, type: boardType, virtual, ...(why === undefined ? {} : { offline: why }) };
  });
}

/** What a board or the rig did wrong, what is new first, what is quarantined last; what was blocked is told by its cause. */
function failuresOf(jobs: readonly JobResult[], facts: NightFacts): NightFailure[] {
  const failures = jobs.flatMap(({ id, board, image, suites }) => {
    const job = facts.plan.jobs.find((one) => one.id === id);
    const known = job ? facts.known(job) : [];
    return suites.flatMap(({ tests }) =>
      tests
        .filter(({ verdict }) => verdict === 'failed' || verdict === 'errored')
        .map((test) => failureOf(test, { board, image, known, facts })),
    );
  });
  const rank = (failure: NightFailure): number =>
    (excuses(failure, facts.plan) ? 4 : 0) + (failure.isNew ? 0 : 2) + (failure.verdict === 'failed' ? 0 : 1);
  return failures.sort((a, b) => rank(a) - rank(b));
}

function failureOf(
  test: NightResult,
  of: { board: string; image: string; known: readonly TestNights[]; facts: NightFacts },
): NightFailure {
  const known = of.known.find((one) => one.suite === test.suite && one.name === test.name);
  const before = known && lastWord(known.results);
  const good = known?.results.find(({ verdict }) => verdict === 'passed');
  const console = of.facts.console(test);
  return {
    ...test,
    board: of.board,
    image: of.image,
    isNew: before === undefined || before.verdict !== 'failed',
    ...(good ? { lastGood: new Date(good.startedMs).toISOString() } : {}),
    ...(console === undefined ? {} : { console }),
  };
}

function quarantineState(
  quarantine: NightPlan['quarantine'][number],
  { jobs, facts }: { jobs: readonly JobResult[]; facts: NightFacts },
): QuarantineState {
  const isIn = ({ board, image }: JobResult, test: NightResult): boolean =>
    quarantineOf([quarantine], { ...test, board, image }) !== undefined;
  const found = jobs.flatMap((job) =>
    job.suites.flatMap(({ tests }) => tests.filter((test) => isIn(job, test)).map((test) => ({ job, test }))),
  );
  const passedBefore = found.map(({ job: { id }, test }) => {
    const job = facts.plan.jobs.find((one) => one.id === id);
    const known = job && facts.known(job).find((one) => one.suite === test.suite && one.name === test.name);
    return nightsPassed(known?.results ?? []);
  });
  const tonight = found.map(({ test }) => test.verdict);
  return stateOf(quarantine, { tonight, passedBefore, startedAt: facts.plan.startedAt });
}
