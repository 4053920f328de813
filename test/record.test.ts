// test: light
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../rig/config/package.js';
import type { EventBody, RigEvent } from '../rig/contracts/events.js';
import { readRun } from '../rig/record/reader.js';
import { RunRecorder } from '../rig/record/recorder.js';
import { prune } from '../rig/record/retention.js';
import { SecretMask } from '../rig/record/secrets.js';
import { allPassed, everyVerdict, everyVerdictCounts, truncatedRun } from './report/scenarios.js';
import { Story } from './report/story.js';

const dir = mkdtempSync(join(tmpdir(), 'record-test-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));
const recorderModule = join(packageRoot, 'dist/rig/record/recorder.js');
const runs = {
  passed: await allPassed(join(dir, 'runs')),
  mixed: await everyVerdict(join(dir, 'runs')),
  truncated: await truncatedRun(join(dir, 'runs')),
};
const eventsOf = (run: string): string => readFileSync(join(run, 'events.ndjson'), 'utf8');
writeFileSync(join(runs.truncated, 'events.ndjson'), eventsOf(runs.truncated).slice(0, -30));

t.test('a run recorded by the first version stays readable', async (t) => {
  const run = await readRun(join(packageRoot, 'test', 'fixtures', 'recorded', 'v1'));
  t.strictSame(run.counts, everyVerdictCounts);
  t.equal(run.boards[0]?.console.length, 67);
});

t.test('a run folder reads back as it was told', async (t) => {
  const run = await readRun(runs.mixed);
  t.strictSame(run.counts, everyVerdictCounts);
  t.equal(run.exitCode, 1, 'a failed board outranks the rest');
  t.notOk(run.truncated);
  const dns = run.tests.find((test) => test.name.startsWith('DNS'));
  t.equal(dns?.attempts[0]?.steps[0]?.children[0]?.name, 'compare /etc/resolv.conf', 'steps nest');
  t.equal(dns?.attempts[0]?.steps[0]?.assertions.length, 2, 'assertions stand in their step');
  t.equal(dns?.attempts[0]?.steps[0]?.children[0]?.assertions[0]?.ok, false);
  const flaky = run.tests.find((test) => test.verdict === 'flaky');
  t.same(
    flaky?.attempts.map(({ verdict }) => verdict),
    ['failed', 'passed'],
  );
  t.ok(flaky?.error, 'a flaky test keeps the error of the attempt that failed');
  t.same(
    run.boards[0]?.epochs.map(({ stages }) => stages.at(-1)?.stage),
    ['shell', 'shell', 'shell', 'shell', 'init', 'shell'],
  );
});

t.test('a failure that a retry did not take back keeps its error', async (t) => {
  await using story = await Story.begin(mkdtempSync(join(dir, 'retry-')), {
    startedAt: '2026-01-01T00:00:00.000Z',
  });
  const error = {
    code: 'test.assertion',
    blame: 'board',
    message: 'the board was wrong',
    hint: 'h',
  } as const;
  story.suite('s', 1).start('t').end({ verdict: 'failed', final: null, error });
  story.start('t', 2).end({ verdict: 'skipped', final: 'failed', reason: 'not today' });
  await story.recorder.flush();
  const { tests } = await readRun(story.recorder.dir);
  t.match(tests, [{ verdict: 'failed', error, reason: undefined }]);
});

t.test('a log that was cut short', async (t) => {
  const run = await readRun(runs.truncated);
  t.ok(run.truncated);
  t.equal(run.exitCode, 3);
  const last = run.tests.at(-1);
  t.equal(last?.verdict, 'errored');
  t.match(last?.error?.message, 'The run ended before this test did');
  t.equal(last?.attempts[0]?.steps[0]?.endT, undefined, 'the step under way has no end');
  const whole = eventsOf(runs.passed);
  const copy = mkdtempSync(join(dir, 'cut-'));
  for (const cut of [
    whole.length - 1,
    whole.length - 40,
    Math.floor(whole.length / 2),
    whole.indexOf('\n') + 1,
  ]) {
    writeFileSync(join(copy, 'events.ndjson'), `${whole.slice(0, cut)}`);
    t.equal((await readRun(copy)).truncated, cut < whole.length - 1, `cut at ${cut}`);
  }
  writeFileSync(join(copy, 'events.ndjson'), `${whole.slice(0, -40)}${'\0'.repeat(500)}`);
  t.ok((await readRun(copy)).truncated, 'a tail of zeros, as a file system leaves it after a power cut');
});

t.test('folders that are no run are refused with a code', async (t) => {
  const copy = mkdtempSync(join(dir, 'bad-'));
  const file = join(copy, 'events.ndjson');
  await t.rejects(readRun(copy), { code: 'record.not-a-run', blame: 'config' });
  const lines = eventsOf(runs.passed).split('\n');
  const cases: [string, string, string][] = [
    ['a newer format', lines.join('\n').replace('{"v":1,"seq":5', '{"v":2,"seq":5'), 'record.newer-format'],
    [
      'a line in the middle that is no event',
      [...lines.slice(0, 4), '{"v":1', ...lines.slice(4)].join('\n'),
      'record.corrupt',
    ],
    ['a missing line', [...lines.slice(0, 4), ...lines.slice(5)].join('\n'), 'record.corrupt'],
    ['an empty log', '', 'record.not-a-run'],
    ['something else', 'hello\n', 'record.not-a-run'],
    [
      'an event without its fields',
      `${lines[0]}\n{"v":1,"seq":1,"t":0,"wall":"x","type":"test.start","id":"a"}\n`,
      'record.corrupt',
    ],
  ];
  for (const [name, text, code] of cases) {
    writeFileSync(file, text);
    await t.rejects(readRun(copy), { code }, name);
  }
});

t.test('the recorder', async (t) => {
  const runsDir = mkdtempSync(join(dir, 'recorder-'));
  await t.test('hides secrets and leaves the format readable', async (t) => {
    const seen: RigEvent[] = [];
    const recorder = await RunRecorder.create({
      runsDir,
      mask: new SecretMask(['hunter22', 'passed', 'board']),
    });
    using _listener = recorder.on((event) => seen.push(event));
    const started = {
      type: 'run.start',
      run: 'r',
      argv: ['--password', 'hunter22'],
      seed: 1,
    } as unknown as EventBody;
    recorder.emit(started);
    const place = { id: 'b/s/t', board: 'b', attempt: 1 };
    recorder.emit({
      type: 'assert',
      ...place,
      ok: false,
      name: 'n',
      diagnostic: { hunter22: ['xhunter22x'] },
    });
    recorder.emit({ type: 'power', board: 'b', epoch: 1, state: 'on', cause: 'board' });
    recorder.emit({
      type: 'test.end',
      ...place,
      suite: 's',
      name: 't',
      verdict: 'passed',
      ms: 1,
      reason: 'hunter22',
    });
    await recorder.flush();
    const text = eventsOf(recorder.dir);
    t.notMatch(text, 'hunter22');
    t.match(text, '"verdict":"passed"');
    t.match(text, '"cause":"board"', 'a word of the format is none of the secret');
    t.equal(seen.length, 4, 'listeners get what is written');
    t.notMatch(JSON.stringify(seen), 'hunter22');
    await recorder[Symbol.asyncDispose]();
  });
  await t.test('loses nothing that was emitted before a SIGKILL', async (t) => {
    const program = `
      const { RunRecorder } = await import(${JSON.stringify(recorderModule)});
      const recorder = await RunRecorder.create({ runsDir: ${JSON.stringify(runsDir)}, mask: { maskJson: (value) => value } });
      recorder.emit({ type: 'run.start', run: recorder.run, argv: [], rig: {}, host: {}, seed: 1 });
      for (let i = 0; i < 1000; i += 1) recorder.emit({ type: 'log', level: 'info', message: 'm' + i });
      console.log(recorder.dir);
      setImmediate(() => process.kill(process.pid, 'SIGKILL'));
    `;
    const ended = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
    t.equal(ended.signal, 'SIGKILL', ended.stderr);
    const run = await readRun(ended.stdout.trim());
    t.equal(run.logs.length, 1000);
    t.ok(run.truncated);
  });
  await t.test('says that the disk is full, and keeps what fitted', async (t) => {
    const disk = mkdtempSync(join(dir, 'disk-'));
    const program = `
      const { RunRecorder } = await import(${JSON.stringify(recorderModule)});
      const told = [];
      const recorder = await RunRecorder.create({ runsDir: ${JSON.stringify(disk)}, mask: { maskJson: (value) => value }, onError: (error) => told.push(error.code) });
      recorder.emit({ type: 'run.start', run: recorder.run, argv: [], rig: {}, host: {}, seed: 1 });
      for (let i = 0; i < 2000; i += 1) {
        recorder.emit({ type: 'log', level: 'info', message: 'm'.repeat(100) });
        await null;
      }
      const thrown = await recorder.flush().then(() => 'nothing', (error) => error.code + ' ' + error.blame);
      const { readRun } = await import(${JSON.stringify(join(packageRoot, 'dist/rig/record/reader.js'))});
      const { logs, truncated } = await readRun(recorder.dir);
      console.log(JSON.stringify({ told, thrown, kept: logs.length > 100, truncated }));
    `;
    const script = 'mount -t tmpfs -o size=64k tmpfs "$1" && exec "$2" --input-type=module -e "$3"';
    const args = ['-Urm', 'sh', '-c', script, 'sh', disk, process.execPath, program];
    const ended = spawnSync('unshare', args, { encoding: 'utf8' });
    t.same(
      JSON.parse(ended.stdout || '{}'),
      { told: ['record.disk-full'], thrown: 'record.disk-full rig', kept: true, truncated: true },
      ended.stderr,
    );
  });
});

t.test('retention', async (t) => {
  const runsDir = mkdtempSync(join(dir, 'retention-'));
  const names: string[] = [];
  const record = async (day: number): Promise<void> => {
    await using story = await Story.begin(runsDir, { startedAt: `2026-01-0${day}T00:00:00.000Z` });
    if (day !== 2) story.emit({ type: 'run.end', counts: everyVerdictCounts, exitCode: 0 });
    names.push(story.recorder.run);
    writeFileSync(join(story.recorder.dir, 'big'), Buffer.alloc(1024 * 1024));
  };
  for (const day of [1, 2, 3, 4, 5, 6]) await record(day);
  renameSync(join(runsDir, names[0] ?? ''), join(runsDir, 'keep this one'));
  writeFileSync(join(runsDir, 'notes.txt'), 'mine');
  execFileSync('mkdir', [join(runsDir, '20200101T000000Z-abcdef')]);
  t.same(await prune(runsDir, { keep: 3 }), [names[2]], 'the oldest that ended; the one in progress stays');
  t.same(await prune(runsDir, { keep: 3, maxBytes: 2.5 * 1024 * 1024 }), [names[3]]);
  t.same(await prune(runsDir, { keep: 3, maxBytes: 1 }), [names[4]], 'the newest stays whatever its size');
  t.same(
    readdirSync(runsDir).sort(),
    ['20200101T000000Z-abcdef', names[1], names[5], 'keep this one', 'notes.txt'].sort(),
    "what is no run under its own name is nobody else's to delete",
  );
  t.same(await prune(join(dir, 'nowhere')), []);
});

t.test('runs that end at the same time clean up side by side', async (t) => {
  const runsDir = mkdtempSync(join(dir, 'side-'));
  const record = async (second: number): Promise<void> => {
    await using story = await Story.begin(runsDir, { startedAt: `2026-01-01T00:00:${second}.000Z` });
    story.emit({ type: 'run.end', counts: everyVerdictCounts, exitCode: 0 });
  };
  for (let second = 10; second < 40; second += 1) await record(second);
  const deleted = await Promise.all([1, 2, 3].map(() => prune(runsDir, { keep: 5 })));
  t.equal(new Set(deleted.flat()).size, deleted.flat().length, 'each run is deleted by one of them');
  t.equal(readdirSync(runsDir).length, 5);
});
