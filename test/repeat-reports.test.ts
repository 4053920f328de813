// test: light
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Parser } from 'tap-parser';
import { terminalReporter } from '../reports/terminal.js';
import { writeReports } from '../reports/write.js';
import { runStart } from '../rig/cli/run-start.js';
import { boardsOf } from '../rig/record/model.js';
import { readRun } from '../rig/record/reader.js';
import { RunRecorder } from '../rig/record/recorder.js';
import { SecretMask } from '../rig/record/secrets.js';
import { meeting, repeated } from './fakes/repeated-run.js';
import { junitSchema } from './report/junit-schema.js';

const dir = mkdtempSync(join(tmpdir(), 'repeat-reports-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));

t.test('two hundred repetitions in the reports', async (t) => {
  await using recorder = await RunRecorder.create({ runsDir: join(dir, 'runs'), mask: new SecretMask([]) });
  const printed: string[] = [];
  const reporter = terminalReporter(recorder, {
    io: { out: (text) => void printed.push(text), terminal: false, env: {} },
    total: 400,
  });
  recorder.emit(runStart({ run: recorder.run, seed: 7, speedFactor: 1 }));
  let calls = 0;
  await repeated(
    (test) => {
      test('flaky # of old', (t) => {
        calls += 1;
        t.notOk([4, 17, 31].includes(calls), 'holds');
      });
      test('steady', (t) => void t.ok(true));
    },
    {
      jobs: 2,
      repeat: { times: 200, untilFailure: false },
      emit: (event) => {
        recorder.emit(event);
        // As the cli does: the runner itself says nothing of a board's opening.
        if (event.type === 'suite.start')
          for (const board of ['v', 'v~2'])
            recorder.emit({
              type: 'board.open',
              board,
              boardType: 'v',
              profile: 'p',
              virtual: true,
              drivers: [],
            });
      },
      evidenceFile: (place, name) => recorder.evidenceFile(place, name),
    },
  );
  reporter[Symbol.dispose]();
  await recorder.flush();

  const text = printed.join('');
  t.ok(text.split('\n').length < 60, `the terminal is not flooded:\n${text}`);
  t.match(text, /^✗ v\/s\/flaky # of old: 197 of 200 passed, failed: #\d+, #\d+, #\d+$/m);
  t.match(text, /^✓ v\/s\/steady: 200 of 200 passed$/m);
  const progress = text.match(/^ {2}\d+0 of 400 tests done, [0-3] of them did not pass$/gm)?.length ?? 0;
  t.ok(progress >= 6 && progress <= 9, `a line now and then: ${progress}`);
  t.match(text, '397 passed, 3 failed');
  t.equal(text.match(/Assertion failed/g)?.length, 4, 'three as they fell, and at the end the first of them');

  const { junit, tap, html, run } = await writeReports(recorder.dir);
  t.equal(run.tests.length, 400);
  t.equal(run.suites.length, 1);
  const schema = join(dir, 'junit.xsd');
  writeFileSync(schema, junitSchema);
  const checked = spawnSync('xmllint', ['--noout', '--schema', schema, junit], { encoding: 'utf8' });
  t.equal(checked.status, 0, checked.stderr.slice(0, 500));
  const xml = readFileSync(junit, 'utf8');
  t.equal(new Set(xml.match(/<testcase [^>]*name="[^"]*"/g)).size, 400, 'every case has a name of its own');
  t.notMatch(xml, 'classname="v~2', 'and a class that does not depend on who was free');
  t.match(xml, /name="repeated.steady" value="200 of 200 passed"/);
  t.match(xml, /On v(~2)?, with the seed \d+/);

  const points: string[] = [];
  const parser = new Parser((final) => t.equal(final.failures.filter((one) => one.tapError).length, 0));
  parser.on('child', (child: Parser) =>
    child.on('assert', ({ name }: { name: string }) => points.push(name)),
  );
  parser.end(readFileSync(tap, 'utf8'));
  t.equal(new Set(points).size, 400);
  t.ok(points.includes('flaky # of old #17'));

  const page = readFileSync(html, 'utf8');
  t.match(page, '197 of 200 passed');
  t.equal(page.match(/<details class="test v-failed"/g)?.length, 3, 'every failure is on the page');
  t.equal(page.match(/<details class="test v-passed"/g)?.length, 6, 'and a few of those that passed');
  t.ok(statSync(html).size < 500_000, 'which stays small');
});

t.test('a test knows only its own boards', async (t) => {
  const recorder = await RunRecorder.create({ runsDir: join(dir, 'runs'), mask: new SecretMask([]) });
  recorder.emit(runStart({ run: recorder.run, seed: 7, speedFactor: 1 }));
  await repeated(
    (test) => {
      const together = meeting(2);
      test('one', async (t) => {
        const { name } = t.board;
        recorder.emit({ type: 'power', board: name, epoch: 1, state: 'on', cause: 'rig' });
        await together();
        t.ok(false);
      });
    },
    { jobs: 2, repeat: { times: 2, untilFailure: false }, emit: (event) => void recorder.emit(event) },
  );
  await recorder[Symbol.asyncDispose]();
  const record = await readRun(recorder.dir);
  for (const test of record.tests)
    t.same(
      boardsOf(record, test).map(({ name }) => name),
      [test.board],
    );
  t.same(record.tests.map(({ board }) => board).sort(), ['v', 'v~2']);
});
