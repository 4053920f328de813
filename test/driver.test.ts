// test: light
// The test driver on files that pass, fail, and go wrong in every way that must not be taken for a pass.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { intoReadme, markdown } from '../bench/table.js';
import { packageRoot } from '../rig/config/package.js';
import { totalsFrom } from './driver/boards.js';
import { readHeader } from './driver/plan.js';
import { fileLines, totalsOf } from './driver/print.js';
import { type FileResult, runFile } from './driver/run-file.js';
import { cpuSecondsOf } from './driver/usage-protocol.js';

const folder = mkdtempSync(join(tmpdir(), 'boardrig-driver-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

const never = new AbortController().signal;

/** Runs `code` as a test file; `tap` prints lines of TAP. */
async function runCode(code: string, { deadlineMs = 60_000, signal = never } = {}): Promise<FileResult> {
  const compiled = join(folder, `${Math.random().toString(36).slice(2)}.mjs`);
  writeFileSync(compiled, `const tap = (...lines) => console.log(lines.join('\\n'));\n${code}`);
  return runFile({ source: 'test/some.test.ts', compiled, light: true, full: false, deadlineMs }, { signal });
}

t.test('what passes, fails and is skipped is counted by test', async (t) => {
  const result = await runCode(`
    tap('TAP version 14',
      '# Subtest: one', '    ok 1 - a', '    ok 2 - b', '    1..2', 'ok 1 - one # time=5ms',
      '# Subtest: two', '    # Subtest: deep', '        not ok 1 - c', '          ---', '          diff: wanted', '          ...',
      '        1..1', '    not ok 1 - deep', '    1..1', 'not ok 2 - two',
      'ok 3 - three # SKIP no KVM',
      '# Subtest: four', '    ok 1 - no chromium # SKIP', '    1..1', 'ok 4 - four',
      'not ok 5 - five # TODO later', 'ok 6 - six', '1..6');
    process.exitCode = 1;`);
  t.same(totalsOf([result]), { passed: 2, failed: 1, skipped: 3 });
  t.equal(result.problem, undefined);
  const text = fileLines(result);
  t.match(text, /^FAIL test\/some\.test\.ts +2 passed, 1 failed, 3 skipped/);
  t.match(text, 'failed: two > deep > c');
  t.match(text, 'diff: wanted');
  t.match(text, 'skipped: three: no KVM');
  t.match(text, 'skipped: four: no chromium');
});

t.test('nothing that went wrong is taken for a pass', async (t) => {
  const pass = `tap('TAP version 14', 'ok 1 - fine', '1..1');`;
  const wrong: readonly (readonly [code: string, shown: RegExp])[] = [
    ['', /asserts nothing/],
    [`tap('TAP version 14', '1..0');`, /asserts nothing/],
    [
      `tap('TAP version 14', '# Subtest: empty', '    1..0', 'ok 1 - empty', '1..1');`,
      /the test asserts nothing/,
    ],
    [`tap('TAP version 14', 'ok 1 - fine', '1..2');`, /incorrect number of tests/],
    [`tap('TAP version 14', 'ok 1 - fine');`, /no plan/],
    [`tap('TAP version 14', 'ok 1 - fine', 'Bail out! no disk');`, /bailed out: no disk/],
    [`${pass} process.exitCode = 7;`, /exit code 7/],
    [`${pass} setTimeout(() => { throw new Error('late'); }, 10);`, /exit code 1[\s\S]*\| Error: late/],
    [`${pass} process.kill(process.pid, 'SIGKILL');`, /ended by SIGKILL/],
  ];
  for (const [code, shown] of wrong) {
    const result = await runCode(code);
    t.ok(totalsOf([result]).failed > 0, code);
    t.match(fileLines(result), shown);
  }
  t.same(totalsOf([await runCode(pass)]), { passed: 1, failed: 0, skipped: 0 }, 'and a pass is one');
});

t.test('a file that is told to stop is ended', async (t) => {
  const abort = new AbortController();
  const running = runCode(`tap('ok 1 - fine'); setInterval(() => {}, 1000);`, { signal: abort.signal });
  abort.abort('SIGTERM');
  t.equal((await running).problem, 'stopped');
});

t.test('a process that is left behind with the output in its hands is a failure', async (t) => {
  const pidFile = join(folder, 'pid');
  const result = await runCode(`
    import { spawn } from 'node:child_process';
    import { writeFileSync } from 'node:fs';
    const child = spawn('/bin/sleep', ['60'], { stdio: ['ignore', 'inherit', 'ignore'], detached: true });
    child.unref();
    writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));
    tap('TAP version 14', 'ok 1 - fine', '1..1');`);
  process.kill(Number(readFileSync(pidFile, 'utf8')));
  t.match(result.problem, /left a process behind/);
});

t.test('CPU time counts the children that a file waited for', async (t) => {
  const burn = 'let n = 0; while (process.cpuUsage().user < 400000) n += 1;';
  const result = await runCode(`
    import { execFileSync } from 'node:child_process';
    execFileSync(process.execPath, ['-e', ${JSON.stringify(burn)}]);
    tap('TAP version 14', 'ok 1 - fine', '1..1');`);
  t.ok(result.cpuSeconds >= 0.4, `${result.cpuSeconds} CPU s`);
  t.equal(cpuSecondsOf('1 (a) b) S 0 0 0 0 0 0 0 0 0 0 100 20 300 4 0'), 4.24, 'names with parentheses');
  t.equal(cpuSecondsOf(''), 0);
});

t.test("a file's header", async (t) => {
  t.same(readHeader('a', 'import x;\n'), { light: false, full: false, deadlineMs: 300_000 });
  t.same(readHeader('a', '// test: light, full, 10 minutes\n'), {
    light: true,
    full: true,
    deadlineMs: 600_000,
  });
  t.same(readHeader('a', '// test: vm\n'), { light: false, full: false, deadlineMs: 300_000 });
  t.throws(() => readHeader('a', '// test: ligth\n'), /"\/\/ test: ligth" is not one of/);
});

t.test('the board suites count as their run folder says', async (t) => {
  const counts = { passed: 5, failed: 1, errored: 2, blocked: 3, skipped: 4, flaky: 1 };
  t.same(totalsFrom(counts, 1), { passed: 6, failed: 6, skipped: 4 });
  t.same(totalsFrom(undefined, 0), { passed: 0, failed: 1, skipped: 0 }, 'no run folder');
  t.same(
    totalsFrom({ ...counts, failed: 0, errored: 0, blocked: 0 }, 3).failed,
    1,
    'a bad end without a reason',
  );
});

t.test('the bench table is put between its marks in the README', async (t) => {
  const readme = readFileSync(join(packageRoot, 'README.md'), 'utf8');
  const once = intoReadme(readme, 'FIRST TABLE\n');
  const twice = intoReadme(once, 'SECOND TABLE\n');
  t.ok(once.includes('FIRST TABLE\n'));
  t.notOk(twice.includes('FIRST TABLE\n'));
  t.equal(twice.replace('SECOND TABLE', 'FIRST TABLE'), once, 'nothing else changes');
  const row = {
    what: 'w',
    value: 2,
    unit: 's',
    compared: { with: 'x', value: 4 },
    goal: { text: '≤ 1', met: false },
  };
  const host = { cpus: 2, model: 'm', node: '20', kvm: false };
  t.match(markdown({ host, rows: [row] }), '| w | 2 s | x: 4 s | 0.5 | ≤ 1 (missed) |');
});
