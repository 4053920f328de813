// test: light
/** Boards of failed tests are kept in the run folder, up to a limit, and found again there; nothing of it changes a verdict. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import tap, { type Test } from 'tap';
import { writeReports } from '../reports/write.js';
import { chooseMoment } from '../rig/cli/resume/choose.js';
import type { BoardConfig } from '../rig/contracts/board.js';
import { RigError } from '../rig/contracts/errors.js';
import type { SnapshotManifest } from '../rig/contracts/snapshot.js';
import { type AddTest, suite } from '../rig/core/runner/define.js';
import { Freezer } from '../rig/core/runner/freeze.js';
import { planBoard } from '../rig/core/runner/plan.js';
import { run } from '../rig/core/runner/run.js';
import { frozenTests } from '../rig/record/frozen.js';
import { parseFrozenFolder } from '../rig/record/layout.js';
import { readRun } from '../rig/record/reader.js';
import { RunRecorder } from '../rig/record/recorder.js';
import { prune } from '../rig/record/retention.js';
import { SecretMask } from '../rig/record/secrets.js';
import { boardConfig, ScriptedBoard } from './fakes/scripted-board.js';

const mebibyte = 2 ** 20;
const folder = mkdtempSync(join(tmpdir(), 'freeze-test-'));
tap.teardown(() => rmSync(folder, { recursive: true, force: true }));

/** What befalls a save; `ok` writes as many bytes as a snapshot has here. */
type Save = 'ok' | 'off' | 'fails';

interface Told {
  readonly dir: string;
  readonly runsDir: string;
  /** What was done to the boards, in order. */
  readonly diary: readonly string[];
  readonly warnings: readonly string[];
  readonly verdicts: readonly string[];
}

/** Runs tests on scripted boards whose snapshots are files of 1 MiB. */
async function tell(
  define: (test: AddTest) => void,
  {
    maxBytes = 100 * mebibyte,
    steps = false,
    retries = 0,
    save = () => 'ok',
  }: { maxBytes?: number; steps?: boolean; retries?: number; save?: (board: string) => Save } = {},
): Promise<Told> {
  const runsDir = mkdtempSync(join(folder, 'runs-'));
  await using recorder = await RunRecorder.create({ runsDir, mask: new SecretMask([]) });
  recorder.emit({
    type: 'run.start',
    run: recorder.run,
    argv: [],
    rig: { version: '0', revision: null },
    host: { name: 'h', cpus: 1, node: 'v20', speedFactor: 1 },
    seed: 1,
  });
  const [diary, warnings, verdicts]: [string[], string[], string[]] = [[], [], []];
  recorder.on((event) => {
    if (event.type === 'log') warnings.push(event.message);
    if (event.type === 'test.end') verdicts.push(event.final ?? event.verdict);
  });
  const openBoard = async (config: BoardConfig) => {
    const board = new ScriptedBoard(config, {
      shell: (command) => {
        diary.push(`${config.name} is asked`);
        return { exitCode: 0, stdout: command, stderr: '' };
      },
    });
    const snapshots = {
      save: async (dir: string, { state, runDir }: { state: string; runDir?: string }) => {
        const fate = save(config.name);
        if (fate !== 'ok') throw cannotSave(fate);
        diary.push(`${config.name} saved: ${state}`);
        mkdirSync(dir, { recursive: true, mode: 0o700 });
        writeFileSync(join(dir, 'machine.zst'), Buffer.alloc(mebibyte, 1), { mode: 0o400 });
        recorder.emit({
          type: 'snapshot',
          board: config.name,
          epoch: 1,
          action: 'saved',
          state,
          ms: 1,
          ...(runDir === undefined ? {} : { dir: runDir }),
        });
        return {} as SnapshotManifest;
      },
    };
    return Object.assign(board, { snapshots }) as unknown as ScriptedBoard;
  };
  await run({
    plans: [planBoard(boardConfig(), [suite('s', { summary: 's' }, define)], { tier: 'nightly' })],
    jobs: 1,
    signal: new AbortController().signal,
    openBoard,
    siblings: (config) => [{ ...config, name: `${config.name}~2` }],
    derive: async () => undefined,
    bundle: async () => undefined,
    image: async () => undefined,
    emit: (event) => void recorder.emit(event),
    evidenceFile: (place, name) => recorder.evidenceFile(place, name),
    mask: (text) => text,
    retries,
    seed: 1,
    scale: () => 1,
    freezer: new Freezer({
      maxBytes,
      steps,
      folder: (place, frozen) => recorder.frozenFolder(place, frozen),
      emit: (event) => void recorder.emit(event),
    }),
  });
  await recorder.flush();
  return { dir: recorder.dir, runsDir, diary, warnings, verdicts };
}

function cannotSave(fate: Exclude<Save, 'ok'>): RigError {
  return new RigError(fate === 'off' ? 'it is off' : 'no room on the disk', {
    code: fate === 'off' ? 'power.board-off' : 'qemu.host-disk-full',
    blame: 'rig',
    hint: '',
  });
}

const fails = (name: string) => (test: AddTest) => test(name, (t) => void t.ok(false, 'no'));

/** Folders of boards that were kept. */
function kept(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name === 'machine.zst')
    .map((entry) => relative(dir, entry.parentPath).replace(/-[0-9a-f]{8}-/, '-'))
    .sort();
}

tap.test('every board of a failed test is kept before the first is asked anything', async (t) => {
  const { dir, diary, verdicts, warnings } = await tell((test) => {
    test('passes', (t) => void t.ok(true));
    test('two', { boards: 2 }, (t) => void t.ok(false));
  });
  t.same(verdicts, ['passed', 'failed']);
  t.same(diary.slice(0, 3), ['b1 saved: failure', 'b1~2 saved: failure', 'b1 is asked']);
  t.same(kept(dir), ['evidence/b1-s-two-1/frozen/b1', 'evidence/b1-s-two-1/frozen/b1~2']);
  t.same(warnings, []);
  const [frozen] = frozenTests(await readRun(dir));
  t.same(
    frozen?.failure.map(({ board }) => board),
    ['b1', 'b1~2'],
  );
  for (const one of frozen?.failure ?? []) t.equal(lstatSync(join(dir, one.dir)).mode & 0o777, 0o700);
});

tap.test('the limit holds for the whole run, and is said once', async (t) => {
  const { dir, warnings, verdicts, diary } = await tell(
    (test) => {
      for (const name of ['a', 'b', 'c', 'd']) fails(name)(test);
    },
    { maxBytes: 2.5 * mebibyte },
  );
  t.same(verdicts, ['failed', 'failed', 'failed', 'failed']);
  t.same(kept(dir), ['evidence/b1-s-a-1/frozen/b1', 'evidence/b1-s-b-1/frozen/b1']);
  t.equal(diary.filter((line) => line.includes('saved')).length, 2, 'none is saved in vain');
  t.equal(warnings.length, 1);
  t.match(warnings[0], /keeps 2 MiB, one takes about 1 MiB, and --keep-limit is 3 MiB/);

  const small = await tell(fails('a'), { maxBytes: 1000 });
  t.same(kept(small.dir), [], 'one that is found to be too large is taken back');
  t.equal(small.warnings.length, 1);
  t.same(frozenTests(await readRun(small.dir)), [], 'and the record does not promise it');
});

tap.test('what cannot be kept changes no verdict', async (t) => {
  const full = await tell(fails('a'), { save: () => 'fails' });
  t.same(full.verdicts, ['failed']);
  t.same(full.warnings, ['Not frozen where it failed: no room on the disk']);
  t.ok(existsSync(join(full.dir, 'evidence')), 'the other evidence is there');
  const off = await tell(fails('a'), { save: () => 'off' });
  t.same(off.warnings, [], 'nothing stands in a board that is off');
  const run = await readRun(off.dir);
  const names = run.tests[0]?.attempts[0]?.evidence.map(({ name }) => name);
  t.ok(names?.includes('medium.img'), 'its medium is copied instead');
});

tap.test('steps stay of a failed attempt alone', async (t) => {
  const { dir } = await tell(
    (test) => {
      test('fails', async (t) => {
        await t.step('one', () => t.step('two', () => {}));
        await t.step('three', () => void t.ok(false));
      });
      test('passes', async (t) => {
        await t.step('one', () => void t.ok(true));
      });
    },
    { steps: true },
  );
  t.same(kept(dir), [
    'evidence/b1-s-fails-1/frozen/b1',
    'evidence/b1-s-fails-1/steps/1/b1',
    'evidence/b1-s-fails-1/steps/2/b1',
    'evidence/b1-s-fails-1/steps/3/b1',
  ]);
  t.same(
    readdirSync(join(dir, 'evidence')).filter((name) => name.includes('passes')),
    [],
    'no empty folder is left',
  );
  const { diary, warnings } = await tell(
    (test) => {
      for (const name of ['a', 'b', 'c'])
        test(name, async (t) => {
          await t.step('one', () => void t.ok(true));
          await t.step('two', () => void t.ok(true));
        });
    },
    { steps: true, maxBytes: 3.1 * mebibyte },
  );
  t.equal(diary.filter((line) => line.includes('step')).length, 6, 'room is given back');
  t.same(warnings, []);
  const small = await tell(
    (test) =>
      test('fails', async (t) => {
        for (const name of ['one', 'two', 'three']) await t.step(name, () => {});
        t.ok(false);
      }),
    { steps: true, maxBytes: 3.1 * mebibyte },
  );
  t.same(
    kept(small.dir).map((path) => path.replace('evidence/b1-s-fails-1/', '')),
    ['frozen/b1', 'steps/1/b1', 'steps/2/b1'],
    'the last room is for the failure itself',
  );
});

tap.test('a person finds the failure by a part of its name', async (t) => {
  const { dir } = await tell(
    (test) => {
      fails('boots')(test);
      fails('boots again')(test);
      fails('reads')(test);
    },
    { retries: 1 },
  );
  const tests = frozenTests(await readRun(dir));
  const choose = (wanted?: string, step?: number) => chooseMoment(tests, { wanted, step });
  t.match(choose(), { test: { name: 'boots' }, others: ['b1/s/boots again', 'b1/s/reads'] });
  t.match(choose('READ'), { test: { name: 'reads' }, attempt: { attempt: 2 }, others: [] });
  for (const exact of ['b1/s/boots', 's/boots', 'boots'])
    t.match(choose(exact), { test: { name: 'boots' } }, 'a whole name outranks parts');
  const refused = (t: Test, act: () => unknown, code: string, message: RegExp) =>
    t.throws(act, { code, blame: 'config', message });
  refused(t, () => choose('boot'), 'resume.ambiguous-test', /boots\n {2}b1\/s\/boots again$/);
  refused(t, () => choose('nope'), 'resume.no-such-test', /kept of:\n {2}b1\/s\/boots\n/);
  refused(t, () => choose('reads', 3), 'resume.no-such-step', /at step 3/);
  refused(
    t,
    () => chooseMoment([], { wanted: undefined, step: undefined }),
    'resume.nothing-frozen',
    /kept no/,
  );
});

tap.test('the reports tell how to enter it, retention counts and deletes it', async (t) => {
  const { dir, runsDir } = await tell(fails("it's"));
  const { html } = await writeReports(dir);
  const page = readFileSync(html, 'utf8');
  t.match(page, /Enter the board where it failed: <code>npx rig resume /);
  t.match(page, /1\.0 MiB/, 'and what it takes');
  const other = join(runsDir, '29990101T000000Z-zzzzzz');
  mkdirSync(other);
  writeFileSync(join(other, 'events.ndjson'), '{"v":1,"seq":0,"type":"run.start"}\n');
  t.same(await prune(runsDir, { maxBytes: 0.9 * mebibyte }), [relative(runsDir, dir)]);
  t.notOk(existsSync(dir), 'read-only files in folders of its owner alone are no obstacle');
});

tap.test('only what lies where the rig keeps boards is taken for one', async (t) => {
  t.same(parseFrozenFolder('evidence/a-1/frozen/b1~2'), { board: 'b1~2', at: 'failure' });
  t.same(parseFrozenFolder('evidence/a-1/steps/12/b1'), { board: 'b1', at: { step: 12 } });
  for (const file of [
    'evidence/a-1/dmesg.txt',
    'evidence/a-1/frozen',
    'evidence/a-1/frozen/b/c',
    'evidence/a-1/frozen/%',
    'elsewhere/a-1/frozen/b1',
  ])
    t.equal(parseFrozenFolder(file), undefined, file);
});
