// test: light
import { tmpdir } from 'node:os';
import t from 'tap';
import { run as runCommand } from '../rig/cli/commands/run.js';
import { siblings } from '../rig/cli/siblings.js';
import type { BoardConfig } from '../rig/contracts/board.js';
import type { AddTest } from '../rig/core/runner/define.js';
import type { WarmStates } from '../rig/core/warm/warm-states.js';
import { meeting, repeated, virtual } from './fakes/repeated-run.js';
import { boardConfig, type Script } from './fakes/scripted-board.js';

const hangs: Script['shell'] = (command) =>
  command.startsWith('sleep') ? 'hang' : { exitCode: 0, stdout: 'ok\n', stderr: '' };

t.test('repetitions run on forks beside each other', async (t) => {
  const together = meeting(3);
  const { verdicts, boards, events, repetitions, exitCode } = await repeated(
    (test) => {
      test('one', async (t) => {
        await together();
        t.pass('met');
      });
      test('two', (t) => void t.ok(true));
    },
    { jobs: 3, repeat: { times: 7, untilFailure: false } },
  );
  t.equal(exitCode, 0);
  t.same(boards.map(({ name }) => name).sort(), ['v', 'v~2', 'v~3']);
  const ids = [1, 2, 3, 4, 5, 6, 7].flatMap((n) => [`v/s/one #${n} passed`, `v/s/two #${n} passed`]);
  t.same([...verdicts].sort(), ids.sort(), 'each of the seven once, named by the board that was asked for');
  t.same(
    events.filter(({ type }) => type === 'suite.start' || type === 'suite.end'),
    [
      { type: 'suite.start', suite: 's', board: 'v', tests: 14 },
      { type: 'suite.end', suite: 's', board: 'v' },
    ],
  );
  for (const board of boards) t.equal(board.diary.at(-1), 'dispose', `${board.name} is closed`);
  t.ok(repetitions.every(({ of, board }) => board === 'v' && /^v\/s\/(one|two)$/.test(of)));
});

t.test('each repetition has a seed that repeats it alone', async (t) => {
  const define = (test: AddTest): void => test('one', (t) => void t.ok(true));
  const seeds = async (seed: number, times: number): Promise<number[]> =>
    (await repeated(define, { seed, repeat: { times, untilFailure: false } })).repetitions.map(
      (one) => one.seed,
    );
  const first = await seeds(7, 5);
  t.equal(new Set(first).size, 5);
  t.equal(first[0], 7, 'the first has that of the run');
  t.same(await seeds(7, 5), first, 'the same every time');
  t.equal((await seeds(first[3] ?? 0, 1))[0], first[3]);

  const drawn: string[] = [];
  const draw = (test: AddTest): void => test('one', (t) => void t.ok(drawn.push(t.random.uuid())));
  await repeated(draw, { seed: 7, repeat: { times: 4, untilFailure: false } });
  await repeated(draw, { seed: first[3] ?? 0 });
  t.equal(drawn[4], drawn[3], 'a run with the seed of the fourth draws what that one drew');
  t.equal(new Set(drawn).size, 4);
});

t.test('each repetition starts from a saved state of its own', async (t) => {
  const diary: string[] = [];
  const warm = {
    of: () => ({
      restore: async (state: string) => diary.push(`restore ${state}`) > 0,
      keep: async () => undefined,
    }),
  } as unknown as WarmStates;
  const define = (test: AddTest): void => {
    test('one', (t) => void t.ok(diary.push('one')));
    test('two', (t) => void t.ok(diary.push('two')));
  };
  await repeated(define, { warm, repeat: { times: 2, untilFailure: false } });
  const each = ['restore shell', 'one', 'two'];
  t.same(diary, [...each, ...each], 'and within it nothing is restored that is clean');
});

t.test('a real board repeats one after the other', async (t) => {
  const { boards, verdicts } = await repeated((test) => test('one', (t) => void t.ok(true)), {
    config: boardConfig('desk'),
    jobs: 4,
    repeat: { times: 3, untilFailure: false },
  });
  t.same(verdicts, ['desk/s/one #1 passed', 'desk/s/one #2 passed', 'desk/s/one #3 passed']);
  t.same(
    boards.map(({ diary }) => diary.filter((entry) => entry === 'boot')),
    [['boot']],
  );
});

t.test('until a failure: it is kept, and the rest does not count', async (t) => {
  let calls = 0;
  const together = meeting(2);
  const { verdicts, exitCode, events, boards } = await repeated(
    (test) => {
      test('sometimes', async (t) => {
        calls += 1;
        const call = calls;
        if (call < 5) return void t.ok(true);
        await together();
        if (call === 5) return void t.ok(false, 'the flake');
        await t.board.shell.run('sleep');
      });
      test('after it', (t) => void t.ok(true));
    },
    { jobs: 2, script: { shell: hangs }, repeat: { times: Number.POSITIVE_INFINITY, untilFailure: true } },
  );
  t.equal(exitCode, 1);
  const bad = verdicts.filter((verdict) => !verdict.endsWith(' passed'));
  t.match(bad, [/^v\/s\/sometimes #\d failed$/, /^v\/s\/sometimes #\d skipped$/], bad.join());
  t.equal(verdicts.length, bad.length + 8, 'nothing began after the failure');
  const failed = bad[0]?.replace(' failed', '');
  const evidence = events.flatMap((event) => (event.type === 'evidence' ? [event.id] : []));
  t.same([...new Set(evidence)], [failed], 'evidence is gathered of the one that failed');
  const said = events.find((event) => event.type === 'log');
  t.match(said, { message: `Stopped: ${failed} failed` });
  t.match(
    events.find((event) => event.type === 'test.end' && event.verdict === 'skipped'),
    { reason: `Stopped: ${failed} failed` },
  );
  t.notOk(events.find((event) => event.type === 'run.end')?.error);
  for (const board of boards) t.equal(board.diary.at(-1), 'dispose');
});

t.test('what a cut repetition had found before stands', async (t) => {
  const together = meeting(2);
  let calls = 0;
  const { verdicts } = await repeated(
    (test) =>
      test('both', async (t) => {
        calls += 1;
        const isFirst = calls === 1;
        if (!isFirst) t.ok(false, 'also wrong');
        await together();
        if (isFirst) return void t.ok(false, 'wrong');
        await t.board.shell.run('sleep');
      }),
    { jobs: 2, script: { shell: hangs }, repeat: { times: 2, untilFailure: true } },
  );
  t.same([...verdicts].sort(), ['v/s/both #1 failed', 'v/s/both #2 failed']);
});

t.test('the limits of a run until a failure', async (t) => {
  const untilFailure = { times: Number.POSITIVE_INFINITY, untilFailure: true };
  let calls = 0;
  const twiceThenHang = (test: AddTest): void =>
    test('one', async (t) => {
      calls += 1;
      if (calls > 2) await t.board.shell.run('sleep');
      t.ok(true);
    });
  const number = await repeated((test) => test('one', (t) => void t.ok(true)), {
    repeat: { times: 4, untilFailure: true },
  });
  t.same([number.exitCode, number.verdicts.length], [0, 4], 'a number');

  const time = await repeated(twiceThenHang, {
    repeat: untilFailure,
    deadlineMs: 300,
    script: { shell: hangs },
  });
  t.same(time.verdicts, ['v/s/one #1 passed', 'v/s/one #2 passed', 'v/s/one #3 skipped'], 'a time');
  t.equal(time.exitCode, 0);

  calls = 2;
  const nothing = await repeated(twiceThenHang, {
    repeat: untilFailure,
    deadlineMs: 30,
    script: { shell: hangs },
  });
  t.equal(nothing.exitCode, 3, 'a time in which nothing was tried is no success');
  t.same(nothing.verdicts, ['v/s/one #1 errored', 'v/s/one #2 blocked']);

  calls = 0;
  const abort = new AbortController();
  const interrupted = await repeated(
    (test) =>
      test('one', async (t) => {
        calls += 1;
        if (calls === 2) {
          setTimeout(() => abort.abort('SIGINT'), 10);
          await t.board.shell.run('sleep');
        }
        t.ok(true);
      }),
    { repeat: untilFailure, signal: abort.signal, script: { shell: hangs } },
  );
  t.same(interrupted.verdicts, ['v/s/one #1 passed', 'v/s/one #2 skipped'], 'a person');
  t.equal(interrupted.exitCode, 130);
});

t.test('a deadline that leaves repetitions out is no good end', async (t) => {
  let calls = 0;
  const { verdicts, exitCode } = await repeated(
    (test) => {
      test('one', async (t) => {
        calls += 1;
        if (calls === 2) await t.board.shell.run('sleep');
        t.ok(true);
      });
    },
    { repeat: { times: 200, untilFailure: false }, deadlineMs: 200, script: { shell: hangs } },
  );
  t.same(verdicts, ['v/s/one #1 passed', 'v/s/one #2 errored', 'v/s/one #3 blocked'], 'nor told 200 times');
  t.equal(exitCode, 3);
});

t.test('a broken board takes no more repetitions', async (t) => {
  const { verdicts, exitCode } = await repeated(
    (test) => {
      test('one', (t) => void t.ok(true));
      test('two', (t) => void t.ok(true));
    },
    { repeat: { times: 50, untilFailure: false }, script: { failBoots: [1, 2] } },
  );
  t.same(verdicts, ['v/s/one #1 failed', 'v/s/two #1 blocked']);
  t.equal(exitCode, 1);
});

t.test('boards for a test that needs several are none of the forks', async (t) => {
  const names = (board: BoardConfig, count: number): unknown => {
    const found = siblings(board, { count, lab: [], taken: new Set(['v', 'v~2', 'v~3']) });
    return typeof found === 'string' ? found : found.map(({ name }) => name);
  };
  t.same(names(virtual(), 2), ['v~4', 'v~5']);
  t.same(names(virtual('v~2'), 1), ['v~2~2']);
  t.match(names(boardConfig('desk'), 1), 'it needs 2 boards of type scripted; the lab has 1');
});

t.test('options that make no sense together', async (t) => {
  const io = {
    out: () => {},
    err: () => {},
    hide: () => {},
    terminal: false,
    env: {},
    cwd: tmpdir(),
    signal: new AbortController().signal,
  };
  const refused = (options: Record<string, unknown>): Promise<number> =>
    runCommand(
      { args: [['boot']], options: { list: true, board: ['virt-arm64'], ...options }, rest: [] },
      io,
    );
  for (const options of [{ repeat: '0' }, { repeat: 'many' }, { untilFailure: true, retries: '1' }])
    await t.rejects(refused(options), { code: 'cli.bad-option', blame: 'config' });
  t.equal(await refused({ repeat: '3', untilFailure: true }), 0);
});
