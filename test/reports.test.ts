// test: light
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { type FinalResults, Parser, type Result } from 'tap-parser';
import { terminalReporter } from '../reports/terminal.js';
import { visibleLine } from '../reports/visible.js';
import { writeReports } from '../reports/write.js';
import { run as reportCommand } from '../rig/cli/commands/report.js';
import type { RigEvent } from '../rig/contracts/events.js';
import { verdicts } from '../rig/contracts/verdict.js';
import { readRun } from '../rig/record/reader.js';
import { junitSchema } from './report/junit-schema.js';
import { allPassed, everyVerdict, hostile, hostileRun, truncatedRun } from './report/scenarios.js';

const dir = mkdtempSync(join(tmpdir(), 'reports-test-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));
const runs = {
  passed: await allPassed(join(dir, 'runs')),
  mixed: await everyVerdict(join(dir, 'runs')),
  hostile: await hostileRun(join(dir, 'runs')),
  truncated: await truncatedRun(join(dir, 'runs')),
};
const eventsOf = (run: string): string => readFileSync(join(run, 'events.ndjson'), 'utf8');
writeFileSync(join(runs.truncated, 'events.ndjson'), eventsOf(runs.truncated).slice(0, -30));

t.test('JUnit is what Jenkins accepts', async (t) => {
  const schema = join(dir, 'jenkins-junit.xsd');
  writeFileSync(schema, junitSchema);
  for (const [name, run] of Object.entries(runs)) {
    const { junit } = await writeReports(run);
    const checked = spawnSync('xmllint', ['--noout', '--huge', '--schema', schema, junit], {
      encoding: 'utf8',
    });
    t.equal(checked.status, 0, `${name}: ${checked.stderr.slice(0, 500)}`);
  }
  const find = (run: string, path: string): string =>
    spawnSync('xmllint', ['--huge', '--xpath', path, join(run, 'junit.xml')], {
      encoding: 'utf8',
    }).stdout.trim();
  const { mixed } = runs;
  t.equal(find(mixed, 'count(//testcase)'), '15');
  t.equal(find(mixed, 'count(//testcase/failure)'), '2');
  t.equal(find(mixed, 'count(//testcase/error)'), '3');
  t.equal(find(mixed, 'count(//error[starts-with(@type, "blocked ")])'), '2');
  t.equal(
    find(mixed, 'string(//error[starts-with(@type, "errored ")]/@type)'),
    'errored rig host.port-in-use',
  );
  t.equal(find(mixed, 'string(//skipped/@message)'), 'no prod image was given');
  t.equal(find(mixed, 'string(//testsuites/@errors)'), '3');
  t.equal(find(mixed, 'count(//testcase/flakyFailure)'), '1');
  t.match(find(mixed, 'string(//property[starts-with(@name, "flaky.")]/@value)'), 'attempt 1 failed');
  for (const property of [
    'board',
    'board.type',
    'image.sha256',
    'git.revision',
    'driver.qemu',
    'seed',
    'speed.factor',
  ])
    t.not(find(mixed, `string((//property[@name="${property}"]/@value)[1])`), '', `property ${property}`);
  const output = find(mixed, 'string(//testcase[@name="five power cycles in a row"]/system-out)');
  t.match(output, 'Try: Look at what init started last');
  t.match(output, '␛[1;32minit:␛[0m resin', 'escape sequences are visible');
  const said = find(runs.hostile, 'string((//system-out)[1])');
  for (const text of [hostile.script, hostile.closers, 'nul␀', 'high⟨U+D800⟩', '␛]0;title␇', 'user⟨U+202E⟩'])
    t.ok(said.includes(text), `survives: ${JSON.stringify(text)}`);
  t.match(
    find(runs.truncated, 'string(//testcase[@name="the run as a whole"]/error/@type)'),
    'run.truncated',
  );
});

t.test('TAP 14 parses back', async (t) => {
  for (const [name, run] of Object.entries(runs)) {
    const record = await readRun(run);
    const { results, tests } = parseTap(readFileSync(join(run, 'report.tap'), 'utf8'));
    const bad = record.counts.failed + record.counts.errored + record.counts.blocked;
    t.equal(tests.length, record.tests.length + (record.truncated ? 1 : 0), `${name}: every test is a point`);
    t.equal(tests.filter(({ ok }) => !ok).length, bad + (record.truncated ? 1 : 0), `${name}: not ok`);
    t.equal(tests.filter(({ skip }) => skip).length, record.counts.skipped, `${name}: skipped`);
    t.equal(results.ok, bad === 0, `${name}: as a whole`);
    t.notOk(results.bailout, 'no device bails out of the run');
    t.equal(results.failures.filter((failure) => failure.tapError).length, 0, `${name}: no error of form`);
  }
  const { tests } = parseTap(readFileSync(join(runs.mixed, 'report.tap'), 'utf8'));
  const failed = tests.find((point) => point.name.startsWith('DNS'));
  t.match(failed?.diag, {
    verdict: 'failed',
    blame: 'board',
    code: 'test.assertion',
    failed: [{ diagnostic: { found: '1.1.1.1' } }],
  });
  t.match(tests.find(({ skip }) => skip)?.skip, 'no prod image');
  const strange = parseTap(readFileSync(join(runs.hostile, 'report.tap'), 'utf8')).tests[0];
  const told = (await readRun(runs.hostile)).tests[0]?.name ?? '';
  t.equal(strange?.name, visibleLine(told), 'a name keeps its # and its backslash');
});

function parseTap(text: string): { results: FinalResults; tests: Result[] } {
  const tests: Result[] = [];
  let results: FinalResults | undefined;
  const parser = new Parser((final) => (results = final));
  const watch = (one: Parser): void => {
    let nested = false;
    one.on('child', (child: Parser) => {
      nested = true;
      watch(child);
    });
    one.on('assert', (result: Result) => {
      if (!nested) tests.push(result);
      nested = false;
    });
  };
  watch(parser);
  parser.end(text);
  if (!results) throw new Error('the TAP has no end');
  return { results, tests };
}

t.test('the page holds what a reader looks for, and stays small', async (t) => {
  const page = (run: string): string => readFileSync(join(run, 'report.html'), 'utf8');
  const mixed = page(runs.mixed);
  for (const verdict of verdicts) t.match(mixed, `data-v="${verdict}"`, `a ${verdict} test is there`);
  t.match(mixed, 'npx rig run boot networking --board virt-arm64 --retries 1 --seed 271828');
  t.match(mixed, 'class="f2">[  OK  ]', 'console colours');
  t.match(page(runs.truncated), /<h1>Cut short<\/h1>/);
  t.ok(statSync(join(runs.hostile, 'report.html')).size < 1_000_000, 'a flood of 2 MB leaves a small page');
  t.match(page(runs.hostile), 'bytes left out here');
  t.notMatch(page(runs.hostile), /etc\/passwd"|href="javascript/, 'no link out of the run folder');
  t.notMatch(page(runs.hostile), /[\x00-\x08\x0b-\x1f\u202a-\u202e]/, 'nothing in it acts');
});

t.test('rig report makes the reports again from the folder alone', async (t) => {
  const moved = join(dir, 'elsewhere', 'moved run');
  const before = readFileSync(join(runs.mixed, 'report.html'), 'utf8');
  const cwd = mkdtempSync(join(dir, 'cwd-'));
  execFileSync('cp', ['-r', runs.mixed, join(cwd, 'copied')]);
  for (const file of ['report.html', 'junit.xml', 'report.tap']) rmSync(join(cwd, 'copied', file));
  execFileSync('mkdir', ['-p', join(dir, 'elsewhere')]);
  renameSync(join(cwd, 'copied'), moved);
  const out: string[] = [];
  const io = {
    out: (text: string) => out.push(text),
    err: () => {},
    hide: () => {},
    terminal: false,
    env: {},
    cwd,
    signal: new AbortController().signal,
  };
  t.equal(await reportCommand({ args: [moved], options: {}, rest: [] }, io), 0);
  t.equal(readFileSync(join(moved, 'report.html'), 'utf8'), before, 'the same page, to the byte');
  t.equal(
    await reportCommand({ args: ['latest'], options: { json: true }, rest: [] }, { ...io, cwd: dir }),
    0,
  );
  const newest = readdirSync(join(dir, 'runs')).sort().at(-1);
  t.equal((JSON.parse(out.at(-1) ?? '') as { dir: string }).dir, join(dir, 'runs', String(newest)));
  await t.rejects(reportCommand({ args: ['nowhere'], options: {}, rest: [] }, io), {
    code: 'record.not-a-run',
    blame: 'config',
  });
});

t.test('live in a terminal and in a log', async (t) => {
  const replay = async (
    run: string,
    options: { terminal: boolean; env: Record<string, string> },
  ): Promise<string> => {
    const events = eventsOf(run)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as RigEvent);
    let listener: (event: RigEvent) => void = () => {};
    const written: string[] = [];
    const record = await readRun(run);
    const source = {
      dir: run,
      on: (own: (event: RigEvent) => void) => {
        listener = own;
        return { [Symbol.dispose]: () => {} };
      },
      consolePath: (board: string) =>
        join(run, record.boards.find(({ name }) => name === board)?.consoleFile ?? ''),
    };
    const io = { out: (text: string) => void written.push(text), ...options };
    const reporter = terminalReporter(source, { io, total: 15 });
    for (const event of events) listener(event);
    reporter[Symbol.dispose]();
    return written.join('');
  };
  const plain = await replay(runs.mixed, { terminal: false, env: {} });
  t.notMatch(plain, '\x1b', 'no escape sequence outside a terminal');
  t.match(plain, '✓ virt-arm64/boot/boot stages come in order (4.0 s)');
  t.match(plain, '≈ flaky virt-arm64/boot/no kernel warning in the log');
  t.match(plain, 'the board\'s fault: Cannot see "login: "');
  t.match(plain, 'try: Look at what init started last');
  t.match(plain, 'eth0: 10.0.2.15/24 by DHCP', 'the last lines of the console');
  t.match(plain, '8 passed, 2 failed, 1 errored, 2 blocked, 1 skipped, 1 flaky in 1 min 14 s, 6 boots');
  t.match(plain, 'report.html');
  const coloured = await replay(runs.mixed, { terminal: true, env: {} });
  t.match(coloured, '▸ virt-arm64 [shell]', 'a live line for the board');
  t.match(coloured, '\x1b[31m✗');
  t.notMatch(await replay(runs.mixed, { terminal: true, env: { NO_COLOR: '1' } }), '\x1b');
  const attacked = await replay(runs.hostile, { terminal: true, env: {} });
  const own = /\x1b\[(?:\d+A|J|\?7[lh]|\d+m)/g;
  t.notMatch(
    attacked.replaceAll(own, ''),
    /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]/,
    'nothing of a device acts',
  );
});
