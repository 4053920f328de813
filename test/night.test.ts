// test: light
// A night's decisions: what it runs, in which order, what an attempt leaves to do, what is excused. Whole nights are in night-runs.test.ts.
// Long because they share plans and recorded runs, and a file costs a process.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { loadLab } from '../rig/config/lab.js';
import { readMatrixFile } from '../rig/config/matrix-file.js';
import { packageRoot } from '../rig/config/package.js';
import type { ErrorRecord } from '../rig/contracts/errors.js';
import type { NightResult, PlannedQuarantine } from '../rig/contracts/night.js';
import type { Verdict } from '../rig/contracts/verdict.js';
import { bisect } from '../rig/core/bisect/bisect.js';
import { lastWord, nightsPassed, suiteTrend, type TestNights } from '../rig/core/history/nights.js';
import { type Attempted, leftOf, outcomeOf } from '../rig/core/night/outcome.js';
import { byValue, planJobs, shardOf } from '../rig/core/night/plan.js';
import { stateOf } from '../rig/core/night/quarantine.js';
import { nightReport } from '../rig/core/night/report.js';
import { schedule, type Task } from '../rig/core/night/schedule.js';
import { readRun } from '../rig/record/reader.js';
import { boardConfig } from './fakes/scripted-board.js';
import { seeded } from './history/orders.js';
import { jobOf, matrixOf, planOf, virtual } from './night/plans.js';
import { Story } from './report/story.js';

const dir = mkdtempSync(join(tmpdir(), 'night-test-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));

const context = {
  boards: [virtual('a'), virtual('b', { cpus: 4, memoryMiB: 3000 }), boardConfig('desk')],
  host: { cpus: 2, memoryMiB: 4096 },
  tests: (_board: unknown, { suites }: { suites: readonly string[] }) =>
    suites.map((suite) => ({ suite, name: 'one' })),
};

t.test('boards × images × suites, without what is excluded, and once each', async (t) => {
  const images = [
    { name: 'dev', ref: 'tiny' },
    { name: 'prod', ref: 'tiny:prod' },
  ];
  const matrix = matrixOf(
    [
      { boards: ['a', 'b', 'desk'], images },
      {
        boards: ['a'],
        images: images.slice(0, 1),
        suites: [{ name: 'boot', ref: 'boot' }],
        tier: 'nightly',
        priority: 5,
      },
    ],
    {
      exclude: [
        { boards: ['b'], image: 'prod' },
        { suite: 'networking', image: 'prod' },
      ],
    },
  );
  const jobs = planJobs(matrix, context);
  t.same(
    jobs.map(({ id, suites, tier, priority }) => `${id} ${suites} ${tier} ${priority}`),
    [
      'a.dev networking smoke 0',
      'a.prod boot smoke 0',
      'b.dev boot,networking smoke 0',
      'desk.dev boot,networking smoke 0',
      'desk.prod boot smoke 0',
      'a.dev.2 boot nightly 5',
    ],
    'what comes again has the tier and priority of the later row',
  );
  const [a, , b, onDesk] = jobs;
  t.same(a?.cost, { cpus: 1, memoryMiB: 512, heavy: false });
  t.same(
    b?.cost,
    { cpus: 1, memoryMiB: 3256, heavy: true },
    'what is large for the host is heavy, and leaves a CPU to others',
  );
  t.same(onDesk?.cost, { cpus: 0, memoryMiB: 0, heavy: false });
  t.same(a?.others, ['b', 'desk'], 'boards of the same type');
  const only = planJobs(matrix, { ...context, filter: { boards: ['a'], images: ['dev'], suites: ['boot'] } });
  t.same(
    only.map(({ id }) => id),
    ['a.dev.2'],
  );
});

t.test('shards are disjoint and whole, and a board of the desk is in one', async (t) => {
  const images = ['x', 'y', 'z'].map((name) => ({ name }));
  const jobs = planJobs(matrixOf([{ boards: ['a', 'b', 'desk'], images }]), context);
  const shards = [1, 2, 3, 4].map((index) => shardOf(jobs, { index, of: 4 }).map(({ id }) => id));
  t.same(shards.flat().sort(), jobs.map(({ id }) => id).sort());
  t.equal(shards.filter((ids) => ids.some((id) => id.startsWith('desk'))).length, 1);

  const desks = planJobs(matrixOf([{ boards: ['d1', 'd2'] }]), {
    ...context,
    boards: [boardConfig('d1'), boardConfig('d2')],
  });
  t.same(
    desks.map(({ others }) => others),
    [['d2'], ['d1']],
  );
  for (const index of [1, 2])
    t.same(
      shardOf(desks, { index, of: 2 }).map(({ others }) => others),
      [[]],
      'a retry stays on its machine',
    );
});

t.test('names with dots never give two jobs one folder', async (t) => {
  const [v1, v12] = [{ name: 'v1' }, { name: 'v1.2' }];
  const rows = [
    { boards: ['a'], images: [v1, v12] },
    { boards: ['a'], images: [v1], tier: 'nightly' as const },
  ];
  const ids = planJobs(matrixOf(rows), context).map(({ id }) => id);
  t.equal(new Set(ids).size, ids.length, ids.join(' '));
  t.ok(ids.length > 1);
});

t.test('the most valuable comes first', async (t) => {
  const day = 86_400_000;
  const jobs = [
    jobOf({ id: 'short', usualMs: 10 }),
    jobOf({ id: 'long', usualMs: 90 }),
    jobOf({ id: 'long ago', usualMs: 1 }),
    jobOf({ id: 'urgent', priority: 3, usualMs: 1 }),
    jobOf({ id: 'unknown' }),
  ];
  const order = byValue(jobs, ({ id }) => (id === 'long ago' ? 2 * day : 9 * day + id.length));
  t.same(
    order.map(({ id }) => id),
    ['urgent', 'long ago', 'unknown', 'long', 'short'],
  );
});

t.test('as much runs as the host and the boards can take, and never more', async (t) => {
  const random = seeded(5);
  const upTo = (most: number): number => Math.floor(random() * (most + 1));
  const host = { cpus: 4, memoryMiB: 4000 };
  for (let round = 0; round < 60; round += 1) {
    const running = new Map<Task, string>();
    const ends: (() => void)[] = [];
    const begun: string[] = [];
    let waiting = 0;
    const fits = ({ cost, boards }: Task): boolean => {
      const costs = [...running.keys()].map((task) => task.cost);
      const using = costs.filter(({ cpus }) => cpus > 0);
      return (
        boards.some((board) => ![...running.values()].includes(board)) &&
        !(cost.heavy && costs.some(({ heavy }) => heavy)) &&
        (cost.cpus === 0 ||
          using.length === 0 ||
          (using.reduce((sum, { cpus }) => sum + cpus, cost.cpus) <= host.cpus &&
            using.reduce((sum, { memoryMiB }) => sum + memoryMiB, cost.memoryMiB) <= host.memoryMiB))
      );
    };
    const tasks = Array.from({ length: 12 }, (_, index): Task => {
      const cpus = upTo(5);
      const task: Task = {
        cost: { cpus, memoryMiB: cpus === 0 ? 0 : 200 + upTo(3000), heavy: upTo(3) === 0 },
        boards: [`board ${upTo(6)}`, ...(upTo(2) === 0 ? [`board ${upTo(6)}`] : [])],
        begin: (board) => {
          t.ok(fits(task), 'there was room for it');
          running.set(task, board);
          begun.push(String(index));
          waiting -= 1;
          return new Promise((resolve) =>
            ends.push(() => {
              running.delete(task);
              resolve([]);
            }),
          );
        },
      };
      return task;
    });
    waiting = tasks.length;
    const left = (): Task[] => tasks.filter((_, index) => !begun.includes(String(index)));
    const done = schedule(tasks, { host, mayBegin: () => true, isUsable: () => true });
    while (running.size > 0 || waiting > 0) {
      await new Promise((resolve) => setImmediate(resolve));
      t.notOk(left().some(fits), 'nothing waits that could run');
      ends.splice(upTo(ends.length - 1), 1)[0]?.();
    }
    await done;
    t.equal(new Set(begun).size, 12, 'each ran');
    t.equal(begun.length, 12, 'and once');
  }
});

t.test('what follows a task goes to another board, and boards that went offline take no more', async (t) => {
  const cost = { cpus: 1, memoryMiB: 1, heavy: false };
  const begun: string[] = [];
  const offline = new Set<string>();
  const task = (
    name: string,
    boards: readonly string[],
    begin: (board: string) => readonly Task[] = () => [],
  ): Task => ({
    cost,
    boards,
    begin: async (board) => {
      begun.push(`${name} on ${board}`);
      return begin(board);
    },
  });
  const again = task('a again', ['y', 'x']);
  await schedule(
    [
      task('a', ['x'], () => [again]),
      task('b', ['z'], (board) => {
        offline.add(board);
        return [];
      }),
      task('c', ['z']),
      task('d', ['y']),
    ],
    {
      host: { cpus: 1, memoryMiB: 9 },
      mayBegin: ({ cost }) => cost.cpus > 0,
      isUsable: (board) => !offline.has(board),
    },
  );
  t.same(begun, ['a on x', 'a again on y', 'b on z', 'd on y']);
  const resort = (offline: readonly string[]): Promise<void> =>
    schedule([{ ...task('e', ['x', 'y']), lastResort: 'z' }, task('busy', ['x'])], {
      host: { cpus: 9, memoryMiB: 9 },
      mayBegin: () => true,
      isUsable: (board) => !offline.includes(board),
    });
  begun.length = 0;
  await resort(['x', 'y']);
  await resort(['x']);
  t.same(begun, ['e on z', 'e on y'], 'the last resort is for when no other board is usable');
});

const rigFault: ErrorRecord = {
  code: 'power.stuck',
  blame: 'rig',
  message: 'The relay is stuck',
  hint: 'Tap it.',
};
const boardFault: ErrorRecord = { ...rigFault, code: 'test.assertion', blame: 'board' };
let stories = 0;

/** A run whose tests ended so; `cut`: the last one has no end. */
async function attempt(
  tests: Readonly<Record<string, Verdict | 'failed, then cut'>>,
  { error = rigFault, cut = false }: { error?: ErrorRecord; cut?: boolean } = {},
): Promise<Attempted> {
  stories += 1;
  await using story = await Story.begin(join(dir, String(stories)));
  story.board({ name: 'a', type: 'scripted' }).suite('boot', 2);
  const names = Object.entries(tests);
  for (const [index, [name, verdict]] of names.entries()) {
    story.start(name).after(100);
    if (verdict === 'failed, then cut')
      story.end({ verdict: 'failed', final: null, error: boardFault }).start(name, 2);
    else if (!cut || index < names.length - 1) {
      const isBad = verdict === 'failed' || verdict === 'errored';
      story.end({ verdict, ...(isBad ? { error: verdict === 'failed' ? boardFault : error } : {}) });
    }
  }
  if (!cut) story.endSuite().close(1);
  return { attempt: stories, dir: `jobs/a/${stories}`, run: await readRun(story.recorder.dir) };
}

t.test('what is left of a job after its attempts', async (t) => {
  const job = jobOf();
  const left = (attempts: readonly Attempted[]): string[] =>
    leftOf(job, attempts, { retries: 1, late: false }).map(({ name }) => name);
  const verdict = (attempts: readonly Attempted[], name = 'one'): Verdict | undefined =>
    outcomeOf(attempts, { suite: 'boot', name })?.verdict;
  const passed = await attempt({ one: 'passed', two: 'passed' });
  const killed = await attempt({ one: 'passed', two: 'passed' }, { cut: true });
  const spoilt = await attempt({ one: 'errored', two: 'passed' });
  const failed = await attempt({ one: 'failed', two: 'passed' });
  const late = await attempt({ one: 'errored' }, { error: { ...rigFault, code: 'run.deadline' } });
  const nearly = await attempt({ two: 'passed', one: 'failed, then cut' }, { cut: true });
  t.same(left([]), ['one', 'two']);
  t.same(left([passed]), []);
  t.same(left([killed]), ['two'], 'what passed is not repeated, what was cut short is');
  t.equal(verdict([killed], 'two'), undefined, 'and has no verdict');
  t.same(left([spoilt]), ['one'], 'the rig spoilt it: another board tries it');
  t.same(left([spoilt, spoilt]), [], 'once');
  t.equal(verdict([spoilt, spoilt]), 'errored');
  t.equal(verdict([spoilt, passed]), 'flaky', 'and it shows');
  t.equal(verdict([spoilt, failed]), 'failed');
  t.same(left([failed]), [], 'the board failed: its own run has tried it again');
  t.equal(verdict([failed, passed]), 'failed', 'nothing takes it back');
  t.same(left([late]), ['two'], 'time that ran out is not tried again');
  t.same(
    leftOf(job, [late], { retries: 1, late: true }).map(({ name }) => name),
    ['one', 'two'],
    'unless there is more of it',
  );
  t.equal(verdict([late, passed]), 'passed', 'and it is no flake');
  t.same(left([nearly]), ['one'], 'a second try that was cut short is made again');
  t.equal(verdict([nearly, passed]), 'flaky', 'the first one is not forgotten');
});

t.test('the example of the docs is a matrix', async (t) => {
  const page = readFileSync(join(packageRoot, 'docs/run-the-nightly.md'), 'utf8');
  const [, example = ''] = /```yaml matrix.yaml\n(.*?)```/s.exec(page) ?? [];
  writeFileSync(join(dir, 'example.yaml'), example);
  const lab = await loadLab({ cwd: dir, env: {}, drivers: {} });
  const matrix = await readMatrixFile('example.yaml', { lab, cwd: dir, suiteName: async (ref) => ref });
  t.match(matrix, {
    rows: [{ tier: 'pr' }, { priority: 5 }],
    retries: 1,
    flakyLimit: 3,
    deadlineMs: 28_800_000,
  });
});

t.test('a matrix file: all that is wrong at once, with line and column', async (t) => {
  const file = join(dir, 'matrix.yaml');
  const lab = await loadLab({ cwd: dir, env: {}, drivers: {} });
  const read = (text: string) => {
    writeFileSync(file, text);
    return readMatrixFile('matrix.yaml', {
      lab,
      cwd: dir,
      suiteName: async (ref) => {
        if (ref === 'boot') return ref;
        throw new Error(`Cannot find suite "${ref}"`);
      },
    });
  };
  const good = await read(`images: { dev: tiny }
matrix: { boards: [virtual], images: [dev], suites: [boot], deadline: 20m }
exclude: [{ board: virt-x86-64 }]
quarantine:
  - { test: boot/one, reason: slow, owner: 'https://bugs/1', expires: 2026-12-31 }
`);
  t.match(good.rows, [{ images: [{ name: 'dev', ref: 'tiny' }], tier: 'nightly', deadlineMs: 1_200_000 }]);
  t.match(good.quarantine, [{ releaseAfter: 7, expires: '2026-12-31' }]);
  const problems = async (text: string): Promise<string> =>
    (
      await read(text).then(
        () => 'good',
        (error: Error) => error,
      )
    ).toString();
  const references = await problems(`images: { dev: tiny }
matrix: { boards: [virtual, virt-arm46], images: [dve], suites: [bot] }
exclude: [{ suite: flashing }]
`);
  for (const line of [
    'matrix.yaml:2:29 matrix.boards[1]: unknown board or label "virt-arm46" (did you mean "virt-arm64"?)',
    'matrix.yaml:2:51 matrix.images[0]: unknown image "dve" (did you mean "dev"?), expected one of dev',
    'matrix.yaml:2:66 matrix.suites[0]: Cannot find suite "bot"',
    'matrix.yaml:3:11 exclude[0]: fits nothing of the matrix',
  ])
    t.match(references, line);
  const shape = await problems(`matrix: { boards: [], suites: [boot], prioritty: 2 }
exclude: [{}]
quarantine: [{ test: one, reason: '', expires: soon }]
`);
  for (const line of [
    'matrix.yaml:1:19 matrix.boards: found an empty list, expected at least 1 item',
    'matrix.yaml:1:39 matrix.prioritty: unknown key (did you mean "priority"?)',
    'exclude[0]: found an empty mapping, expected at least one of board, image and suite',
    'quarantine[0].test: found "one", expected a test such as networking/name servers answer',
    'quarantine[0].owner: is missing, expected a link',
    'quarantine[0].expires: found "soon", expected a day such as 2026-12-31',
    'quarantine[0].reason: found "", expected text that is not empty',
  ])
    t.match(shape, line);
});

const known: PlannedQuarantine = {
  places: 1,
  test: 'boot/one',
  reason: 'the clock drifts',
  owner: 'https://bugs.example/7',
  expires: '2026-03-31',
  releaseAfter: 3,
};

t.test('a quarantine excuses until its day is over, and asks for release', async (t) => {
  const job = jobOf();
  const failed = await attempt({ one: 'failed', two: 'passed' });
  const report = (more: Partial<Parameters<typeof planOf>[1]>, night: Attempted = failed) =>
    nightReport({
      plan: planOf([job], { quarantine: [known], ...more }),
      attempts: () => [night],
      known: () => [],
      whyNot: () => 'never',
      offline: new Map(),
      console: ({ id }: NightResult) => `console of ${id}`,
      slowerStages: [],
    });
  const excused = report({});
  t.match(excused, { exitCode: 0, excused: 1, counts: { failed: 1, passed: 1 } }, 'it ran, and it shows');
  t.match(excused.failures, [
    { verdict: 'failed', console: 'console of a/boot/one', quarantine: { owner: known.owner } },
  ]);
  t.match(excused.quarantine, [{ state: 'failing', release: false }]);
  t.match(report({ startedAt: '2026-03-31T23:00:00.000Z' }), { exitCode: 0 }, 'its last day counts');
  t.match(report({ startedAt: '2026-04-01T01:00:00.000Z' }), {
    exitCode: 1,
    quarantine: [{ state: 'expired' }],
  });
  t.match(report({ quarantine: [{ ...known, boards: ['b'] }] }), { exitCode: 1 }, 'on that board alone');
  const errored = report({}, await attempt({ one: 'errored', two: 'passed' }));
  t.match(errored, { exitCode: 3, excused: 0 }, 'the rig is not excused');
  const state = (tonight: Verdict[], before: number[], places = tonight.length) =>
    stateOf({ ...known, places }, { tonight, passedBefore: before, startedAt: '2026-03-10T01:00:00Z' });
  t.match(state(['passed'], [2]), { state: 'passing', passedNights: 3, release: true });
  t.match(state(['passed', 'passed'], [5, 1]), { passedNights: 2, release: false }, 'on all its boards');
  t.match(state(['blocked'], [9]), { state: 'not run', passedNights: 0, release: false });
  t.match(state(['flaky'], [9]), { state: 'failing', release: false });
  t.match(
    state(['passed'], [9], 2),
    { passedNights: 10, release: false },
    'a shard knows of one of two boards',
  );
  t.match(state(['passed', 'blocked'], [9, 9]), { release: false }, 'and who is offline has not passed');
  const named = report({ quarantine: [{ ...known, test: 'boot/three', places: 1 }] });
  t.same(named.notes, [], 'its place is in another shard');
  const misnamed = report({ quarantine: [{ ...known, test: 'boot/tree', places: 0 }] });
  t.match(misnamed.notes, [/^No test of the matrix is boot\/tree.* is its name right\?$/]);
});

t.test('what was not run is blocked and never green; flaky tests have a limit', async (t) => {
  const jobs = [jobOf(), jobOf({ id: 'b.default', board: 'b' })];
  const flaky = await attempt({ one: 'flaky', two: 'passed' });
  const report = (flakyLimit: number, attempts: readonly Attempted[]) =>
    nightReport({
      plan: planOf(jobs, { flakyLimit }),
      attempts: ({ id }) => (id === 'a.default' ? [flaky] : attempts),
      known: () => [],
      whyNot: ({ board }) => `${board} is offline`,
      offline: new Map([['b', 'no power']]),
      console: () => undefined,
      slowerStages: [],
    });
  const half = report(1, []);
  t.match(half, {
    exitCode: 3,
    counts: { blocked: 2, passed: 1, flaky: 1 },
    boards: [{}, { offline: 'no power' }],
  });
  t.match(half.jobs[1]?.suites, [{ verdict: 'blocked', tests: [{ reason: 'b is offline' }, {}] }]);
  const whole = await attempt({ one: 'passed', two: 'passed' });
  const done = report(1, [whole]);
  t.match(done, { exitCode: 0 });
  t.equal(done.rigCpuSeconds, undefined, 'nobody has measured it');
  t.match(report(0, [whole]), { exitCode: 1 }, 'one is over the limit of none');
});

t.test('earlier nights: trend, last word, nights passed on end', async (t) => {
  const result = (night: number, verdict: Verdict) => ({
    night: `night-${night}`,
    startedMs: night,
    verdict,
    ms: 10,
  });
  const one: TestNights = {
    suite: 'boot',
    name: 'one',
    results: [result(3, 'passed'), result(2, 'passed'), result(2, 'errored'), result(1, 'failed')],
  };
  const two: TestNights = {
    suite: 'boot',
    name: 'two',
    results: [result(3, 'blocked'), result(1, 'passed')],
  };
  t.match(suiteTrend([one, two], 'boot'), [
    { night: 'night-1', verdict: 'failed', passed: 1, of: 2 },
    { night: 'night-2', verdict: 'passed', passed: 1, of: 1 },
    { night: 'night-3', verdict: 'blocked', passed: 1, of: 2 },
  ]);
  t.equal(nightsPassed(one.results), 1, 'a night that needed a second try breaks the row');
  t.equal(nightsPassed(two.results), 1, 'a night without a word does not');
  t.equal(lastWord(two.results)?.night, 'night-1');
});

t.test('bisecting finds the first bad one in few tries', async (t) => {
  const random = seeded(9);
  for (let round = 0; round < 200; round += 1) {
    const count = 2 + Math.floor(random() * 40);
    const firstBad = 1 + Math.floor(random() * (count - 1));
    const dark = new Set(
      Array.from({ length: Math.floor(random() * 5) }, () => 1 + Math.floor(random() * (count - 1))),
    );
    dark.delete(count - 1);
    const tried: number[] = [];
    const found = await bisect(count, async (index) => {
      tried.push(index);
      if (dark.has(index)) return 'unknown';
      return index < firstBad ? 'good' : 'bad';
    });
    if (found.found !== 'first bad') return t.fail(found.found);
    t.ok([...found.suspects, found.firstBad].includes(firstBad), 'it is among what is named');
    if (!dark.has(firstBad) && !dark.has(firstBad - 1))
      t.same(found, { found: 'first bad', firstBad, suspects: [] });
    t.equal(new Set(tried).size, tried.length, 'none is tried twice');
    t.ok(tried.length <= 3 + Math.ceil(Math.log2(count)) + 2 * dark.size, `${tried.length} of ${count}`);
  }
  t.same(await bisect(3, async () => 'good'), { found: 'last is good' });
  t.same(await bisect(3, async () => 'bad'), { found: 'first is bad' });
  t.same(await bisect(3, async (index) => (index === 0 ? 'unknown' : 'bad')), {
    found: 'nothing',
    why: 'first',
  });
});
