// test: vm, 10 minutes
// Whole nights by the command: what the rig spoils, boards that are not well, limits, and a night that is killed again and again.
// Long because each night is told with its suite beside it.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { NightReport } from '../rig/contracts/night.js';
import { pollUntil } from '../rig/lifetime/poll.js';
import { readAttempts } from '../rig/record/night-folder.js';
import { type Running, readEvents, World } from './e2e/world.js';
import { seeded } from './history/orders.js';
import { desk } from './night/desk.js';

t.setTimeout(500_000);

function world(t: Test): World {
  const made = new World();
  t.teardown(() => made[Symbol.dispose]());
  return made;
}

function nightOf(world: World): NightReport & { dir: string } {
  const dir = world.runs.at(-1) ?? '';
  return { dir, ...(JSON.parse(readFileSync(join(dir, 'night.json'), 'utf8')) as NightReport) };
}

function verdicts({ jobs }: NightReport): Record<string, string> {
  return Object.fromEntries(
    jobs.flatMap(({ board, suites }) =>
      suites.flatMap(({ suite, tests }) =>
        tests.map(({ name, verdict }) => [`${board}/${suite}/${name}`, verdict]),
      ),
    ),
  );
}

const powerSuite = `import { suite } from 'boardrig';
export default suite('s', { summary: 'power' }, (test) => {
  test('speaks', { from: 'any' }, async (t) => {
    await t.board.power.on();
    await t.board.console.expect('tick');
  });
  test('counts', { from: 'any' }, (t) => { t.ok(true); });
});
`;

t.test(
  'what the rig spoils, another board of the same kind tries; a board that is not well goes offline',
  async (t) => {
    const lab = world(t);
    // The first order of each is that of its check.
    desk(lab, { 'desk-1': { failing: [2] }, 'desk-2': {}, 'desk-3': { failing: [1] } });
    lab.write({
      's.ts': powerSuite,
      'matrix.yaml': 'matrix: { boards: [desk], suites: [./s.ts] }\nflakyLimit: 1\n',
    });
    const { code, stdout, stderr } = await lab.rig(['nightly', '--matrix', 'matrix.yaml']);
    t.equal(code, 3, `${stdout}${stderr}`);
    const night = nightOf(lab);
    t.same(verdicts(night), {
      'desk-1/s/speaks': 'flaky',
      'desk-1/s/counts': 'passed',
      'desk-2/s/speaks': 'passed',
      'desk-2/s/counts': 'passed',
      'desk-3/s/speaks': 'blocked',
      'desk-3/s/counts': 'blocked',
    });
    t.ok((night.rigCpuSeconds ?? 0) > 0, 'what the rig itself took is told');
    const [first] = night.jobs.filter(({ board }) => board === 'desk-1');
    t.same(
      first?.attempts.map(({ board }) => board),
      ['desk-1', 'desk-2'],
    );
    const again = await readAttempts(night.dir, 'desk-1.default');
    t.same(
      again[1]?.run?.tests.map(({ name }) => name),
      ['speaks'],
      'only what was spoilt',
    );
    t.match(night.boards.find(({ name }) => name === 'desk-3')?.offline, /the relay is stuck/);
    t.match(
      readFileSync(join(night.dir, 'junit.xml'), 'utf8'),
      /<error message="desk-3 is offline: [^"]*stuck/,
    );
    t.match(stdout, /desk-3 is offline/);
    const known = await lab.rig(['history', '--json']);
    t.equal((JSON.parse(known.stdout) as { runs: unknown[] }).runs.length, 3, 'each run is in the history');
    const rebuilt = await lab.rig(['history', 'rebuild', '--json']);
    t.match(JSON.parse(rebuilt.stdout), { runs: 3, kept: 0 });
  },
);

const heldSuite = `import { suite } from 'boardrig';
import { existsSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
export default suite('s', { summary: 'held' }, (test) => {
  test('waits for its file to go', { from: 'any' }, async (t) => {
    await t.board.power.on();
    while (existsSync('hold')) await wait(50);
    t.ok(true);
  });
});
`;

t.test(
  'a retry goes on where a board shows that it is not well; one that somebody has is not taken for that',
  async (t) => {
    const lab = world(t);
    // Both jobs fail at the second order; the retry of the first one finds desk-2 with its third.
    desk(lab, { 'desk-1': { failing: [2] }, 'desk-2': { failing: [2, 3] } });
    lab.write({ 's.ts': powerSuite, 'matrix.yaml': 'matrix: { boards: [desk], suites: [./s.ts] }\n' });
    const { stdout, stderr } = await lab.rig(['nightly', '--matrix', 'matrix.yaml']);
    const night = nightOf(lab);
    t.match(
      verdicts(night),
      { 'desk-1/s/speaks': 'flaky', 'desk-2/s/speaks': 'flaky' },
      `both on desk-1\n${stdout}${stderr}`,
    );
    t.same(
      night.jobs.flatMap(({ attempts }) => attempts.slice(1).map(({ board }) => board)),
      ['desk-1', 'desk-1'],
    );
    t.match(night.boards.find(({ name }) => name === 'desk-2')?.offline, /the relay is stuck/);

    lab.write({ 'held.ts': heldSuite, hold: '' });
    lab.write({ 'held.yaml': 'matrix: { boards: [desk-1], suites: [./s.ts], deadline: 3s }\n' });
    const somebody = lab.start(['run', './held.ts', '--board', 'desk-1']);
    await somebody.untilEvent('its test', ({ type }) => type === 'test.start');
    const held = await lab.rig(['nightly', '--matrix', 'held.yaml']);
    t.equal(held.code, 3, held.stdout);
    const later = nightOf(lab);
    t.match(later.counts, { blocked: 2, passed: 0 });
    t.equal(later.boards[0]?.offline, undefined, 'nobody knows whether it is well');
    const [reason] = later.jobs.flatMap(({ suites }) =>
      suites.flatMap(({ tests }) => tests.map((one) => one.reason)),
    );
    t.match(reason, /the check of desk-1 did not come to an end/);
    rmSync(join(lab.cwd, 'hold'));
    t.equal((await somebody.ended).code, 0);
    t.equal((await lab.rig(['nightly', '--resume'])).code, 0, 'once it is free the night can go on');
  },
);

t.test('only what was asked for is done, and bad words are refused', async (t) => {
  const lab = world(t);
  desk(lab, { 'desk-1': {}, 'desk-2': {} });
  lab.write({ 's.ts': powerSuite, 'matrix.yaml': 'matrix: { boards: [desk], suites: [./s.ts] }\n' });
  const night = ['nightly', '--matrix', 'matrix.yaml'];
  const list = await lab.rig([...night, '--list', '--board', 'desk-2', '--json']);
  t.match(JSON.parse(list.stdout), { jobs: [{ id: 'desk-2.default', tests: [{ name: 'speaks' }, {}] }] });
  t.same(lab.runs, [], 'a list leaves nothing');
  const over = await lab.rig([...night, '--deadline', '1ms']);
  t.equal(over.code, 3);
  t.match(nightOf(lab), { counts: { passed: 0, failed: 0, flaky: 0 } }, 'a night without time is not green');
  const later = await lab.rig(['nightly', '--resume', '--deadline', '2m', '--json']);
  t.match(JSON.parse(later.stdout), { exitCode: 0, counts: { passed: 4, blocked: 0 } }, 'and can have more');
  const refused: readonly (readonly [readonly string[], RegExp])[] = [
    [['--shard', '3/2'], /--shard takes a part such as 2\/3, not "3\/2"/],
    [['--resume', '--seed', '1'], /--seed cannot go with --resume/],
    [['--image', 'other'], /No job was selected/],
    [['--resume', 'elsewhere'], /Cannot read a night from/],
  ];
  for (const [words, said] of refused) {
    const { code, stderr } = await lab.rig(
      words.includes('--resume') ? ['nightly', ...words] : [...night, ...words],
    );
    t.match([code, stderr], [2, said]);
  }
});

t.test('the shards of a night become one night, and only all of them', async (t) => {
  const lab = world(t);
  desk(lab, { 'desk-1': {}, 'desk-2': { failing: [1] } });
  lab.write({ 's.ts': powerSuite, 'matrix.yaml': 'matrix: { boards: [desk], suites: [./s.ts] }\n' });
  for (const [index, code] of [0, 3].entries()) {
    const shard = ['--shard', `${index + 1}/2`, '--report', `shard-${index + 1}`];
    t.equal((await lab.rig(['nightly', '--matrix', 'matrix.yaml', ...shard])).code, code);
  }
  const merged = await lab.rig(['nightly', 'merge', 'shard-2', 'shard-1']);
  t.equal(merged.code, 3, `${merged.stdout}${merged.stderr}`);
  const night = nightOf(lab);
  t.match(night.counts, { passed: 2, blocked: 2, failed: 0, errored: 0 });
  t.equal(night.plan.shard, undefined);
  t.match(night.boards.find(({ name }) => name === 'desk-2')?.offline, /the relay is stuck/);
  const reasons = night.jobs.flatMap(({ suites }) =>
    suites.flatMap(({ tests }) => tests.map((one) => one.reason)),
  );
  t.match(
    reasons.filter((reason) => reason !== undefined),
    [/^desk-2 is offline/, /^desk-2 is offline/],
    'as its shard has told it',
  );
  const [attempt] = await readAttempts(night.dir, 'desk-1.default');
  t.equal(attempt?.run?.tests.length, 2, 'the runs are in its folder');
  t.match(readFileSync(join(night.dir, 'report.html'), 'utf8'), /desk-1[\s\S]*desk-2/, 'one page');
  t.match(readFileSync(join(night.dir, 'junit.xml'), 'utf8'), 'tests="4"');
  for (const [shards, said] of [
    [['shard-1'], /Of the 2 shards of the night 2 is missing/],
    [['shard-1', 'shard-1'], /not the shards of one night/],
    [[night.dir], /is no shard/],
  ] as const) {
    const refused = await lab.rig(['nightly', 'merge', ...shards]);
    t.match([refused.code, refused.stderr], [2, said]);
  }
  t.equal(lab.runs.length, 1, 'what is refused leaves nothing');
});

const manyTests = `import { suite } from 'boardrig';
import { setTimeout as wait } from 'node:timers/promises';
export default suite('many', { summary: 'short tests' }, (test) => {
  for (let number = 1; number <= 12; number += 1)
    test('test ' + number, { from: 'any' }, async (t) => { await wait(120); t.ok(true); });
});
`;

/** Everything that the runs of a night have told so far. */
function eventsOf(dir: string): number {
  const jobs = join(dir, 'jobs');
  if (!existsSync(jobs)) return 0;
  const files = readdirSync(jobs, { recursive: true }).map(String);
  return files
    .filter((name) => name.endsWith('events.ndjson'))
    .reduce((sum, name) => sum + readFileSync(join(jobs, name), 'utf8').split('\n').length, 0);
}

t.test('a night killed ten times is done once: nothing twice, nothing lost', async (t) => {
  const lab = world(t);
  lab.write({
    'bench.yaml': readFileSync('test/e2e/fixtures/bench-board.yaml'),
    'lab.yaml':
      'boards:\n  one: { type: ./bench.yaml, labels: [bench] }\n  two: { type: ./bench.yaml, labels: [bench] }\n',
    'many.ts': manyTests,
    'matrix.yaml': 'matrix: { boards: [bench], suites: [./many.ts] }\n',
  });
  const random = seeded(Number(process.env.RIG_TEST_SEED ?? 3));
  const folder = (): string => lab.runs[0] ?? '';
  const killAfter = async (night: Running, events: number): Promise<void> => {
    const before = eventsOf(folder());
    await pollUntil(
      () =>
        night.child.exitCode !== null ||
        (folder() !== '' && existsSync(join(folder(), 'plan.json')) && eventsOf(folder()) >= before + events),
      {
        what: `${events} more events`,
        timeoutMs: 60_000,
        everyMs: 2,
        blame: 'rig',
      },
    );
    night.child.kill('SIGKILL');
    await night.ended;
  };
  const moments: number[] = [];
  for (let kill = 0; kill < 10; kill += 1) {
    moments.push(Math.floor(random() * 18));
    const words = kill === 0 ? ['--matrix', 'matrix.yaml'] : ['--resume'];
    await killAfter(lab.start(['nightly', ...words]), moments.at(-1) ?? 0);
    t.equal(lab.runs.length, 1, 'one night');
  }
  const { code, stdout, stderr } = await lab.rig(['nightly', '--resume']);
  t.equal(code, 0, `${stdout}${stderr}`);
  const night = nightOf(lab);
  t.match(night.counts, { passed: 24, blocked: 0, errored: 0, flaky: 0 }, `killed after ${moments} events`);
  t.equal(Object.keys(verdicts(night)).length, 24, 'each test once');
  for (const job of night.plan.jobs) {
    const attempts = await readAttempts(night.dir, job.id);
    const passed = attempts.flatMap(({ dir }) =>
      readEvents(join(night.dir, dir)).flatMap((event) =>
        event.type === 'test.end' && event.final === 'passed' ? [event.name] : [],
      ),
    );
    t.equal(passed.length, 12, 'what passed was not repeated');
    t.equal(new Set(passed).size, 12, 'and all passed');
  }
  t.match(readFileSync(join(night.dir, 'junit.xml'), 'utf8'), 'tests="24" failures="0" errors="0"');
  const known = await lab.rig(['history', 'many/', '--json']);
  const { tests } = JSON.parse(known.stdout) as { tests: { results: { verdict: string }[] }[] };
  t.same(
    tests.map(({ results }) => results.filter(({ verdict }) => verdict === 'passed').length),
    Array(24).fill(1),
    'the history has each pass once',
  );
  t.same(lab.processes(), [], 'nothing is left running');
});

const imageSuite = `import { suite } from 'boardrig';
import { readFileSync } from 'node:fs';
export default suite('s', { summary: 'images' }, (test) => {
  test('is good', { from: 'any' }, (t) => {
    const image = readFileSync(process.argv[process.argv.indexOf('--image') + 1]).toString('latin1', 0, 4);
    if (image === 'dark') throw new Error('the suite itself is wrong');
    t.equal(image, 'good');
  });
});
`;

t.test('rig bisect tries images until the first bad one is found', async (t) => {
  const lab = world(t);
  desk(lab, { 'desk-1': {} });
  const kinds = ['good', 'good', 'good', 'dark', 'bad_', 'bad_', 'bad_'];
  lab.write(Object.fromEntries(kinds.map((kind, index) => [`${index}.img`, Buffer.alloc(512, kind)])));
  lab.write({ 's.ts': imageSuite });
  const on = ['--board', 'desk-1', '--test', 's/is good', '--suite', './s.ts'];
  const images = kinds.map((_, index) => `${index}.img`);
  const { code, stdout, stderr } = await lab.rig(['bisect', ...images, ...on, '--json']);
  t.equal(code, 0, stderr);
  const found = JSON.parse(stdout) as { firstBad: string; suspects: string[]; tries: { judged: string }[] };
  t.match(found.firstBad, /\/4\.img$/);
  t.match(found.suspects, [/\/3\.img$/], 'what cannot be judged may be the first');
  t.same(found.tries.map(({ judged }) => judged).sort(), ['bad', 'bad', 'good', 'good', 'unknown']);
  const good = await lab.rig(['bisect', '0.img', '1.img', ...on]);
  t.match([good.code, good.stdout], [3, /1\.img is good: there is nothing to look for/]);
  const bad = await lab.rig(['bisect', '0.img', ...on]);
  t.match([bad.code, bad.stderr], [2, /at least two images/]);
});

t.test('a night that CI aborts powers its boards off, writes its reports, and can go on', async (t) => {
  const lab = world(t);
  desk(lab, { 'desk-1': {} });
  lab.write({ 's.ts': heldSuite, hold: '', 'matrix.yaml': 'matrix: { boards: [desk], suites: [./s.ts] }\n' });
  const night = lab.start(['nightly', '--matrix', 'matrix.yaml']);
  const isOn = (): boolean => existsSync(join(lab.cwd, 'desk-1.on'));
  const running = (): boolean => lab.runs.some((dir) => eventsOf(dir) > 3) && isOn();
  await pollUntil(running, { what: 'the test to run', timeoutMs: 90_000, blame: 'rig' });
  night.child.kill('SIGTERM');
  const { code, stdout, stderr } = await night.ended;
  t.equal(code, 143, `${stdout}${stderr}`);
  t.notOk(isOn(), 'the board is off');
  t.match(nightOf(lab), { signal: 'SIGTERM', counts: { blocked: 1, passed: 0 } });
  t.match(readFileSync(join(lab.runs[0] ?? '', 'junit.xml'), 'utf8'), 'the night was ended by SIGTERM');
  t.ok(existsSync(join(lab.runs[0] ?? '', 'report.html')));
  rmSync(join(lab.cwd, 'hold'));
  const rest = await lab.rig(['nightly', '--resume']);
  t.equal(rest.code, 0, rest.stdout);
  t.match(nightOf(lab).counts, { passed: 1, blocked: 0, flaky: 0 });
});
