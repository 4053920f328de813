// test: light, 10 minutes
// Long because file, statistics and commands share the recorded nights, and a file costs a process.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../rig/config/package.js';
import { compareRuns } from '../rig/core/history/compare.js';
import { HistoryFile } from '../rig/core/history/database.js';
import { rebuild } from '../rig/core/history/rebuild.js';
import { forgetBefore, recordRun } from '../rig/core/history/record.js';
import { reliabilityOf, subjectHistories } from '../rig/core/history/results.js';
import { recentRuns } from '../rig/core/history/runs.js';
import { slowerStages } from '../rig/core/history/stages.js';
import { tendsToBeGreater } from '../rig/core/statistics/rank-test.js';
import { wilson } from '../rig/core/statistics/wilson.js';
import { readRun } from '../rig/record/reader.js';
import { World } from './e2e/world.js';
import { type Night, night } from './history/nights.js';
import { byCounting, seeded, shuffled } from './history/orders.js';
import { allPassed, everyVerdict } from './report/scenarios.js';

t.setTimeout(300_000);
const dir = mkdtempSync(join(tmpdir(), 'history-test-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));
let folders = 0;
const folder = (): string => mkdtempSync(join(dir, `${++folders}-`));

async function historyOf(nights: readonly Night[]): Promise<{ history: HistoryFile; dirs: string[] }> {
  const runs = folder();
  const history = new HistoryFile(join(runs, 'history.sqlite'));
  const dirs: string[] = [];
  for (const one of nights) {
    const path = await night(runs, one);
    const run = await readRun(path);
    await history.change((writer) => recordRun(writer, run));
    dirs.push(path);
  }
  return { history, dirs };
}

t.test('the interval of a rate', async (t) => {
  const { low, high } = wilson(9, 10);
  t.match([low.toFixed(4), high.toFixed(4)], ['0.5958', '0.9821'], 'as the formula gives by hand');
  t.match(wilson(0, 100).high.toFixed(4), '0.0370');
  t.match(wilson(100, 100).low.toFixed(4), '0.9630');
  t.match(wilson(0, 0), { low: 0, high: 1 });
});

t.test('the rank test counts all orders', async (t) => {
  const random = seeded(7);
  for (const [n, m] of [
    [1, 19],
    [3, 4],
    [4, 3],
    [5, 5],
    [2, 9],
  ] as const) {
    const values = shuffled([...Array(n + m).keys()], random);
    const [later, earlier] = [values.slice(0, n), values.slice(n)];
    t.ok(Math.abs(tendsToBeGreater(later, earlier).p - byCounting(later, earlier)) < 1e-9, `${n} and ${m}`);
  }
  t.equal(tendsToBeGreater([20], [...Array(19).keys()]).p, 0.05, 'one slower than nineteen');
  t.match(tendsToBeGreater([5, 5, 5], [5, 5, 5]), { superiority: 0.5, p: 1 }, 'nothing but ties');
  t.match(tendsToBeGreater([], [1]), { p: 1 });
  const tied: [number[], number[]] = [
    [12, 15, 15, 18],
    [10, 12, 15, 15, 16],
  ];
  t.ok(Math.abs(tendsToBeGreater(...tied).p - byCounting(...tied)) < 1e-9, 'ties are counted too');
  // Of scipy.stats.mannwhitneyu(later, earlier, alternative='greater', method='asymptotic').
  const later = [
    35, 57, 54, 28, 43, 58, 50, 57, 24, 58, 20, 50, 36, 55, 34, 32, 50, 54, 55, 50, 45, 29, 34, 29, 53, 44,
    20, 24, 30, 57,
  ];
  const earlier = [
    17, 34, 16, 32, 45, 53, 39, 42, 40, 51, 43, 23, 38, 21, 17, 23, 46, 28, 31, 42, 34, 41, 47, 39, 51,
  ];
  t.ok(
    Math.abs(tendsToBeGreater(later, earlier).p - 0.025871919157316323) < 1e-6,
    'many values take the normal approximation',
  );
});

t.test('a run is entered as its folder tells it, and entered twice it is there once', async (t) => {
  const runs = folder();
  const history = new HistoryFile(join(runs, 'history.sqlite'));
  const run = await readRun(await everyVerdict(runs));
  for (const _ of [1, 2]) await history.change((writer) => recordRun(writer, run));
  const known = await history.read((reader) => recentRuns(reader, { limit: 10 }));
  t.equal(known?.length, 1);
  t.match(known?.[0], { name: run.run, counts: run.counts, exitCode: 1, truncated: false });
  const tests = await history.read((reader) => subjectHistories(reader, {}));
  t.equal(tests?.length, run.tests.length);
  const dns = tests?.find(({ name }) => name.startsWith('DNS'));
  t.match(dns?.results[0], { verdict: 'failed', code: 'test.assertion', revision: '4f2a91c07be3' });
});

t.test('what ran on a fork is a result of the board that was asked for', async (t) => {
  const runs = folder();
  const history = new HistoryFile(join(runs, 'history.sqlite'));
  const before = await readRun(await night(runs, { day: 1, tests: { one: 'passed' } }));
  const after = await readRun(await night(runs, { day: 2, tests: { one: 'failed' }, fork: 'bench1~2' }));
  for (const run of [before, after]) await history.change((writer) => recordRun(writer, run));
  const tests = await history.read((reader) => subjectHistories(reader, {}));
  t.match(tests, [{ board: 'bench1', results: [{ verdict: 'failed' }, { verdict: 'passed' }] }]);
  t.match(compareRuns(before, after, undefined).newFailures, [{ board: 'bench1', name: 'one' }]);
});

t.test('there is no history before the first run', async (t) => {
  const history = new HistoryFile(join(folder(), 'history.sqlite'));
  t.equal(await history.read(() => 'asked'), undefined);
});

t.test('several processes write at once: every run is there', async (t) => {
  const runs = folder();
  const history = join(runs, 'history.sqlite');
  const writers = await Promise.all(
    Array.from({ length: 6 }, async (_, writer) => {
      const dirs = [];
      for (const test of [1, 2, 3, 4])
        dirs.push(await night(runs, { day: writer * 4 + test, tests: { [`test ${test}`]: 'passed' } }));
      return dirs;
    }),
  );
  const ended = await Promise.all(writers.map((dirs) => recorder(history, dirs).ended));
  t.same(
    ended,
    writers.map((dirs) => ({ code: 0, entered: dirs.map((path) => basename(path)), error: '' })),
  );
  const known = await new HistoryFile(history).read((reader) => recentRuns(reader, { limit: 100 }));
  t.equal(known?.length, 24);
  t.same(
    readdirSync(runs).filter((name) => name.startsWith('history.sqlite.')),
    [],
    'nothing is left beside it',
  );
});

t.test(
  'a process killed at any moment loses nothing that was entered, and nobody waits for it',
  async (t) => {
    const runs = folder();
    const history = join(runs, 'history.sqlite');
    const dirs: string[] = [];
    for (let day = 1; day <= 25; day += 1)
      dirs.push(await night(runs, { day, tests: { one: 'passed', two: 'failed', three: 'flaky' } }));
    const random = seeded(11);
    const entered = new Set<string>();
    for (let kill = 0; kill < 10; kill += 1) {
      const waiting = dirs.filter((path) => !entered.has(basename(path)));
      const process = recorder(history, waiting);
      // In the middle of a change: at something that happens to the file or beside it. The first change makes about 120 of them.
      let left = 1 + Math.floor(random() * 240);
      const watcher = watch(runs, (_, name) => {
        left -= name?.startsWith('history.sqlite') ? 1 : 0;
        if (left <= 0) process.kill();
      });
      await process.ended;
      watcher.close();
      for (const name of (await process.ended).entered) entered.add(name);
      const known = await new HistoryFile(history).read((reader) => recentRuns(reader, { limit: 100 }));
      const names = new Set(known?.map(({ name }) => name));
      t.same(
        [...entered].filter((name) => !names.has(name)),
        [],
        `kill ${kill + 1}: what it said is there`,
      );
      t.ok(
        (known ?? []).every(({ counts }) => counts.passed === 1 && counts.failed === 1 && counts.flaky === 1),
        'and whole',
      );
    }
    t.ok(entered.size > 0, 'some were entered before');
    const rest = await recorder(history, dirs).ended;
    t.equal(rest.code, 0);
    const known = await new HistoryFile(history).read((reader) => recentRuns(reader, { limit: 100 }));
    t.equal(known?.length, dirs.length, 'entered again, each is there once');
  },
);

t.test('a history of the format before keeps what it knows', async (t) => {
  const { history } = await historyOf([{ day: 1, tests: { one: 'passed' } }]);
  await history.change((writer) => {
    for (const sql of ['alter table run drop column night', 'alter table run drop column image_name'])
      writer.run(sql);
    writer.run('pragma user_version = 1');
  });
  const first = await history.read((reader) => recentRuns(reader, { limit: 9 }));
  t.match(first, [{ counts: { passed: 1 } }], 'who only reads brings it to the format of today');
  const next = await readRun(await night(folder(), { day: 2, tests: { one: 'failed' } }));
  await history.change((writer) => recordRun(writer, next));
  const known = await history.read((reader) => recentRuns(reader, { limit: 9 }));
  t.match(known, [{ counts: { failed: 1 } }, { counts: { passed: 1 } }]);
});

t.test('a damaged history is told, and built anew from the run folders', async (t) => {
  const { history } = await historyOf([
    { day: 1, tests: { one: 'passed' } },
    { day: 2, tests: { one: 'failed' } },
  ]);
  const runsDir = join(history.path, '..');
  const bytes = readFileSync(history.path);
  writeFileSync(
    history.path,
    Buffer.concat([bytes.subarray(0, 100), Buffer.alloc(bytes.length - 100, 0xa5)]),
  );
  await t.rejects(
    history.read((reader) => recentRuns(reader, { limit: 1 })),
    { code: 'history.unreadable' },
  );
  t.match(await rebuild(history, { runsDir }), { found: 'unreadable', runs: 2, kept: 0, unreadable: [] });
  t.equal((await history.read((reader) => recentRuns(reader, { limit: 9 })))?.length, 2);
  const whole = readFileSync(history.path);
  // The first page, with the catalogue, is whole.
  writeFileSync(
    history.path,
    Buffer.concat([whole.subarray(0, 4096), Buffer.alloc(whole.length - 4096, 0xa5)]),
  );
  t.match(await rebuild(history, { runsDir }), { found: 'unreadable', runs: 2 }, 'damage deep inside');
});

t.test(
  'rebuilding keeps what is known of runs whose folders are gone, and names those it cannot read',
  async (t) => {
    const { history, dirs } = await historyOf([
      { day: 1, tests: { one: 'passed' } },
      { day: 2, tests: { one: 'failed' } },
      { day: 3, tests: { one: 'passed' } },
    ]);
    rmSync(dirs[0] ?? '', { recursive: true });
    writeFileSync(join(dirs[1] ?? '', 'events.ndjson'), 'not a run\n');
    const rebuilt = await rebuild(history, { runsDir: join(history.path, '..') });
    t.match(rebuilt, { found: 'there', runs: 1, kept: 2 });
    t.match(rebuilt.unreadable[0], { dir: dirs[1] });
    t.equal((await history.read((reader) => recentRuns(reader, { limit: 9 })))?.length, 3);
  },
);

t.test('a newer rig wrote it: it is left alone', async (t) => {
  const { history } = await historyOf([{ day: 1, tests: { one: 'passed' } }]);
  await history.change((writer) => writer.run('pragma user_version = 99'));
  const before = readFileSync(history.path);
  await t.rejects(
    history.read(() => 1),
    { code: 'history.newer-format', blame: 'config' },
  );
  await t.rejects(
    history.change(() => 1),
    { code: 'history.newer-format' },
  );
  t.ok(readFileSync(history.path).equals(before));
});

t.test('a change that fails changes nothing', async (t) => {
  const { history } = await historyOf([{ day: 1, tests: { one: 'passed' } }]);
  const before = readFileSync(history.path);
  await t.rejects(
    history.change((writer) => {
      forgetBefore(writer, Number.MAX_SAFE_INTEGER);
      throw new Error('on purpose');
    }),
    /on purpose/,
  );
  t.ok(readFileSync(history.path).equals(before));
  t.equal(await history.change((writer) => forgetBefore(writer, Date.parse('2026-01-02'))), 1);
  t.same(await history.read((reader) => [recentRuns(reader, { limit: 9 }), subjectHistories(reader, {})]), [
    [],
    [],
  ]);
});

t.test('a verdict that changes by itself is a flake; one that changes with the image is none', async (t) => {
  const { history } = await historyOf([
    {
      day: 1,
      sha256: 'a',
      tests: { steady: 'passed', itself: 'passed', image: 'passed', retried: 'passed' },
    },
    { day: 2, sha256: 'a', tests: { steady: 'passed', itself: 'failed', image: 'passed', retried: 'flaky' } },
    {
      day: 3,
      sha256: 'b',
      tests: { steady: 'passed', itself: 'passed', image: 'failed', retried: 'passed' },
    },
  ]);
  const tests = (await history.read((reader) => subjectHistories(reader, {}))) ?? [];
  const flaky = tests.filter(({ results }) => reliabilityOf(results).isFlaky).map(({ name }) => name);
  t.same(flaky.sort(), ['itself', 'retried']);
  const retried = tests.find(({ name }) => name === 'retried');
  t.match(reliabilityOf(retried?.results ?? []), { passed: 2, flaky: 1, passRate: { rate: 2 / 3 } });
});

t.test('two runs compared', async (t) => {
  const tests = {
    steady: 'passed',
    broke: 'passed',
    mended: 'failed',
    bad: 'failed',
    shaky: 'passed',
    old: 'passed',
  } as const;
  const { old: _, ...left } = tests;
  const { history, dirs } = await historyOf([
    { day: 1, sha256: 'a', tests },
    { day: 2, sha256: 'b', tests },
    { day: 3, sha256: 'c', tests: { ...tests, broke: 'failed' } },
    {
      day: 4,
      sha256: 'd',
      tests: { ...left, broke: 'failed', mended: 'passed', shaky: 'flaky', young: 'passed' },
    },
  ]);
  const [before, after] = [await readRun(dirs[0] ?? ''), await readRun(dirs[3] ?? '')];
  const found = await history.read((reader) => compareRuns(before, after, reader));
  const names = (list: readonly { name: string }[] | undefined): string[] =>
    (list ?? []).map(({ name }) => name);
  t.same(names(found?.newFailures), ['broke']);
  t.match(found?.newFailures[0], {
    firstBad: { run: basename(dirs[2] ?? ''), imageSha256: 'c' },
    lastGood: { run: basename(dirs[1] ?? ''), imageSha256: 'b' },
    message: 'Expected 1, found 2',
  });
  t.same(names(found?.fixed), ['mended']);
  t.same(names(found?.stillFailing), ['bad']);
  t.same(names(found?.flaky), ['shaky']);
  t.same([names(found?.gone), names(found?.added)], [['old'], ['young']]);
  t.same(compareRuns(before, after, undefined).newFailures[0]?.firstBad, undefined, 'without a history');
});

t.test('a slower test and a later stage are told by their ranks, not by a threshold', async (t) => {
  const nights = (last: Partial<Night>): Night[] => [
    ...Array.from({ length: 20 }, (_, day): Night => {
      const noise = (day * 37) % 11;
      return {
        day: day + 1,
        tests: { one: 'passed' },
        testMs: 500 + noise * 40,
        kernelMs: [1_000 + noise * 30, 1_010 + noise * 30],
      };
    }),
    { day: 25, tests: { one: 'passed' }, testMs: 600, kernelMs: [1_100, 1_150], ...last },
  ];
  const judge = async (last: Partial<Night>): Promise<{ slower: number; stages: number }> => {
    const { history, dirs } = await historyOf(nights(last));
    const run = await readRun(dirs.at(-1) ?? '');
    const found = await history.read((reader) => compareRuns(run, run, reader));
    return { slower: found?.slower.length ?? -1, stages: found?.slowerStages.length ?? -1 };
  };
  t.same(await judge({}), { slower: 0, stages: 0 }, 'within what was seen before');
  t.same(
    await judge({ testMs: 950, kernelMs: [1_350, 1_360] }),
    { slower: 1, stages: 1 },
    'above all that was seen',
  );
  const { history, dirs } = await historyOf(nights({ kernelMs: [1_350, 1_360] }));
  const question = { run: basename(dirs.at(-1) ?? ''), runs: 2 };
  t.same(
    await history.read((reader) => slowerStages(reader, question)),
    [],
    'two nights are too few to tell',
  );
});

t.test('the commands', async (t) => {
  using world = new World();
  const nothing = await world.rig(['history']);
  t.match(nothing, { code: 0, stdout: /No run is known yet/ });
  const runs = join(world.cwd, 'runs');
  await night(runs, { day: 1, sha256: 'a', tests: { shaky: 'passed', 'has \u001b[31mcolour': 'passed' } });
  const last = await night(runs, { day: 2, sha256: 'a', tests: { shaky: 'failed' } });
  await allPassed(runs);
  t.match(await world.rig(['history', 'rebuild']), { code: 0, stdout: /^3 runs entered, 0 kept/ });
  const list = await world.rig(['history']);
  t.match(list.stdout, /WHEN +RUN +BOARDS +RESULT +TOOK +REVISION\n(.*\n){3}$/);
  const test = await world.rig(['history', 'boot/(shaky|has)']);
  t.match(test.stdout, /bench1 +boot\/shaky +\.F +50 % \(9 to 91\)/);
  t.notMatch(test.stdout, /\u001b/, 'a name steers no terminal');
  const json = JSON.parse((await world.rig(['history', '--json', '--limit', '1'])).stdout);
  t.equal(json.runs.length, 1);
  t.match((await world.rig(['flakes', '--within', '9999d'])).stdout, /boot\/shaky +\.F .*2026-01-02/);
  t.match((await world.rig(['flakes', '--within', '1d'])).stdout, /No flaky test/);
  const compared = await world.rig(['compare', basename(world.runs[0] ?? ''), basename(last)]);
  t.match(compared, {
    code: 0,
    stdout: /New failures\n {2}bench1\/boot\/shaky: Expected 1, found 2; first bad/,
  });
  t.match(await world.rig(['history', 'forget', '--older-than', '1d']), {
    code: 0,
    stdout: '3 runs forgotten\n',
  });
  for (const bad of [
    ['history', '('],
    ['history', '--limit', 'x'],
    ['flakes', '--within', 'soon'],
    ['history', 'forget'],
  ])
    t.match(await world.rig(bad), { code: 2 }, bad.join(' '));
});

function recorder(
  history: string,
  dirs: readonly string[],
): {
  readonly ended: Promise<{ code: number | null; entered: string[]; error: string }>;
  kill(): void;
} {
  const child = spawn(process.execPath, [
    join(packageRoot, 'dist/test/history/record-runs.js'),
    history,
    ...dirs,
  ]);
  let out = '';
  let error = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    error += text;
  });
  const closed = once(child, 'close') as Promise<[number | null]>;
  return {
    ended: closed.then(([code]) => ({ code, entered: out.split('\n').slice(0, -1), error })),
    kill: () => void child.kill('SIGKILL'),
  };
}
