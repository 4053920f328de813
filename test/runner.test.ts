// Long because the verdicts are read side by side: each test is a few lines on the same scripted board.
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { BoardConfig, Image } from '../rig/contracts/board.js';
import { RigError } from '../rig/contracts/errors.js';
import type { EventBody } from '../rig/contracts/events.js';
import type { SuiteDefinition, TestContext } from '../rig/contracts/suite.js';
import { type AddTest, suite } from '../rig/core/runner/define.js';
import { Freezer } from '../rig/core/runner/freeze.js';
import { planBoard } from '../rig/core/runner/plan.js';
import { type RunOptions, run } from '../rig/core/runner/run.js';
import { virtual } from './fakes/repeated-run.js';
import { boardConfig, type Script, ScriptedBoard } from './fakes/scripted-board.js';

const image = (variant: 'dev' | 'prod'): Image => ({
  path: `/${variant}`,
  sha256: variant,
  sizeBytes: 1,
  variant,
});

interface Outcome {
  readonly events: EventBody[];
  readonly boards: ScriptedBoard[];
  readonly exitCode: number;
  /** `suite/test attempt verdict [code]` in the order they ended. */
  readonly verdicts: string[];
}

async function runSuite(
  define: (test: AddTest) => void,
  options: Partial<RunOptions> & {
    script?: Script;
    suites?: SuiteDefinition[];
    configs?: BoardConfig[];
  } = {},
): Promise<Outcome> {
  const dir = await mkdtemp(join(tmpdir(), 'runner-test-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  const suites = options.suites ?? [suite('s', { summary: 'scripted' }, define)];
  const events: EventBody[] = [];
  const boards: ScriptedBoard[] = [];
  const result = await run({
    plans: (options.configs ?? [boardConfig()]).map((config) =>
      planBoard(config, suites, { tier: 'nightly' }),
    ),
    jobs: 1,
    signal: new AbortController().signal,
    openBoard: async (config) => {
      const board = new ScriptedBoard(config, options.script);
      boards.push(board);
      return board;
    },
    siblings: (config, count) =>
      Array.from({ length: count }, (_, index) => boardConfig(`${config.name}~${index + 2}`)),
    image: async (_config, { variant }) => image(variant ?? 'dev'),
    derive: async () => undefined,
    bundle: async () => undefined,
    emit: (event) => events.push(event),
    evidenceFile: async (_place, name) => ({ path: join(dir, name), relative: name }),
    mask: (text) => text,
    retries: 0,
    seed: 1,
    scale: () => 1,
    ...options,
  });
  const verdicts = events.flatMap((event) =>
    event.type === 'test.end'
      ? [
          `${event.suite}/${event.name} ${event.attempt} ${event.final ?? event.verdict}${event.error ? ` ${event.error.code}` : ''}`,
        ]
      : [],
  );
  return { events, boards, exitCode: result.exitCode, verdicts };
}

function freezer(): Freezer {
  const folder = () => ({ path: '/nowhere', relative: 'nowhere' });
  return new Freezer({ maxBytes: 1, steps: false, folder, emit: () => {} });
}

const boardError = (message: string): RigError =>
  new RigError(message, { code: 'board.bad', blame: 'board', hint: 'h' });
const rigError = (message: string): RigError =>
  new RigError(message, { code: 'rig.bad', blame: 'rig', hint: 'h' });

/** `sleep` never comes back. */
const hangs: Script['shell'] = (command) =>
  command.startsWith('sleep') ? 'hang' : { exitCode: 0, stdout: 'ok\n', stderr: '' };

t.test('the verdict follows the evidence', async (t) => {
  const { verdicts, exitCode } = await runSuite((test) => {
    test('passes', async (t) => void t.equal(await t.board.shell.text('x'), 'ok'));
    test('wrong answer', async (t) => void t.equal(await t.board.shell.text('x'), 'nope'));
    test('board error', async () => Promise.reject(boardError('b')));
    test('rig error', async () => Promise.reject(rigError('r')));
    test('defect of the suite', async (t) => {
      await t.board.shell.run('x');
      (undefined as unknown as { x(): void }).x();
    });
    test('says nothing', async () => {});
    test('skips itself', async (t) => t.skip('not today'));
    test('first cause wins', async (t) => {
      t.equal(1, 2, 'first');
      throw rigError('later');
    });
    test('requires', async (t: TestContext) => {
      t.require(false, 'the ground of the rest');
      throw rigError('never reached');
    });
  });
  t.strictSame(verdicts, [
    's/passes 1 passed',
    's/wrong answer 1 failed test.assertion',
    's/board error 1 failed board.bad',
    's/rig error 1 errored rig.bad',
    's/defect of the suite 1 errored suite.unexpected',
    's/says nothing 1 errored suite.asserts-nothing',
    's/skips itself 1 skipped',
    's/first cause wins 1 failed test.assertion',
    's/requires 1 failed test.assertion',
  ]);
  t.equal(exitCode, 1, 'a failed board outranks the errors of the rig');
});

t.test('a failed comparison shows both sides, in the event and in the error', async (t) => {
  const { events } = await runSuite((test) => {
    test('compares', async (t) => {
      t.equal('a', 'b', 'same letter');
      t.match('tomato', /^pot/, 'a pot');
      t.same({ n: Number.NaN, u: undefined }, { n: 1 }, 'odd values');
    });
    test('measures nothing', (t) => t.measure('offset', Number.NaN, 's'));
  });
  t.match(
    events.filter((event) => event.type === 'assert').map((event) => event.diagnostic),
    [
      { found: 'a', wanted: 'b' },
      { found: 'tomato', wanted: '/^pot/' },
      { found: { n: 'NaN', u: 'undefined' } },
    ],
  );
  const errors = events.flatMap((event) => (event.type === 'test.end' && event.error ? [event.error] : []));
  t.match(errors[0]?.message, 'same letter: found "a", wanted "b"');
  t.equal(errors[1]?.code, 'suite.bad-measure');
  t.notOk(events.some((event) => event.type === 'measure'));
});

t.test('exit codes without a failed board', async (t) => {
  t.equal((await runSuite((test) => test('ok', (t) => void t.ok(true)))).exitCode, 0);
  t.equal((await runSuite((test) => test('rig', () => Promise.reject(rigError('r'))))).exitCode, 3);
});

t.test('a deadline blames who was waited for', async (t) => {
  const late: string[] = [];
  const { verdicts, events } = await runSuite(
    (test) => {
      test('board hangs', { deadlineMs: 60 }, async (t) => {
        await t.step('ask', () => t.board.shell.run('sleep 9999'));
      });
      test('suite hangs', { deadlineMs: 60 }, async (t) => {
        await t.board.shell.run('x');
        await new Promise((resolve) => t.signal.addEventListener('abort', resolve));
        try {
          await t.board.shell.run('too late');
        } catch (error) {
          late.push((error as RigError).code);
        }
        await new Promise(() => {});
      });
    },
    {
      script: {
        shell: (command) => (command.startsWith('sleep') ? 'hang' : { exitCode: 0, stdout: '', stderr: '' }),
      },
    },
  );
  t.strictSame(verdicts, ['s/board hangs 1 failed test.deadline', 's/suite hangs 1 errored test.deadline']);
  const [first] = events.flatMap((event) => (event.type === 'test.end' && event.error ? [event.error] : []));
  t.match(first?.message, 'in step "ask": it waited for b1.shell.run("sleep 9999")');
});

t.test('handles are revoked when a test is over', async (t) => {
  const caught = new Promise<string>((resolve) => {
    void runSuite((test) => {
      test('lets go of a promise', async (t) => {
        t.ok(true);
        setTimeout(() => {
          try {
            void t.board.shell.run('late');
            resolve('was let through');
          } catch (error) {
            resolve((error as RigError).code);
          }
        }, 20);
      });
      test('takes a while', async (t) => {
        await new Promise((resolve) => setTimeout(resolve, 60));
        t.ok(true);
      });
    });
  });
  t.equal(await caught, 'suite.late-call');
});

t.test('a promise that nobody awaits is found', async (t) => {
  const { verdicts } = await runSuite(
    (test) => test('forgets', async (t) => void t.board.shell.run('sleep')),
    { script: { shell: hangs } },
  );
  t.strictSame(verdicts, ['s/forgets 1 errored suite.not-awaited']);
});

t.test('a board that does not boot fails once and blocks the rest', async (t) => {
  const define = (test: AddTest): void => {
    test('one', (t) => void t.ok(true));
    test('two', (t) => void t.ok(true));
  };
  const once = await runSuite(define, { script: { failBoots: [1] } });
  t.strictSame(once.verdicts, ['s/one 1 passed', 's/two 1 passed'], 'one recovery is granted');
  const never = await runSuite(define, { script: { failBoots: [1, 2] } });
  t.strictSame(never.verdicts, ['s/one 1 failed board.no-shell', 's/two 1 blocked board.no-shell']);
  t.equal(never.exitCode, 1);
  t.equal(never.boards[0]?.diary.at(-1), 'dispose');
  const rig = await runSuite(define, { script: { failBoots: [1, 2], bootBlame: 'rig' } });
  t.equal(rig.exitCode, 3, 'the same at the fault of the rig');
});

t.test('what the rig spoilt is not tried again where only failures of the board are', async (t) => {
  const fault = new RigError('stuck', { code: 'power.stuck', blame: 'rig', hint: 'Tap it.' });
  const options = { retries: 1, retryErrors: false };
  const spoilt = await runSuite((test) => test('spoilt', () => Promise.reject(fault)), options);
  t.same(spoilt.verdicts, ['s/spoilt 1 errored power.stuck']);
  const failed = await runSuite((test) => test('failed', (t) => void t.ok(false)), options);
  t.equal(failed.verdicts.length, 2);
});

t.test('retries are honest', async (t) => {
  let calls = 0;
  const flaky = await runSuite((test) => test('sometimes', (t) => void t.equal(++calls, 2)), { retries: 2 });
  t.strictSame(flaky.verdicts, ['s/sometimes 1 failed test.assertion', 's/sometimes 2 flaky']);
  t.equal(flaky.exitCode, 0);
  const bad = await runSuite((test) => test('never', (t) => void t.ok(false)), { retries: 1 });
  t.strictSame(bad.verdicts, ['s/never 1 failed test.assertion', 's/never 2 failed test.assertion']);
});

t.test('boots are shared and dirt is undone', async (t) => {
  const { boards, verdicts } = await runSuite((test) => {
    test('from off', { from: 'off' }, (t) => void t.ok(true));
    test('dirties disk', { dirties: 'disk' }, (t) => void t.ok(true));
    test('dirties memory', { dirties: 'memory' }, (t) => void t.ok(true));
    test('clean one', (t) => void t.ok(true));
    test('prod', { variant: 'prod' }, (t) => void t.ok(true));
    test('clean two', (t) => void t.ok(true));
    test('fresh', { from: 'fresh' }, (t) => void t.ok(true));
  });
  t.strictSame(
    verdicts.map((verdict) => verdict.split(' 1 ')[0]),
    ['s/fresh', 's/clean one', 's/clean two', 's/dirties memory', 's/dirties disk', 's/from off', 's/prod'],
  );
  t.strictSame(boards[0]?.diary, [
    'off',
    'provision dev',
    'off',
    'boot',
    'off',
    'boot',
    'off',
    'provision dev',
    'off',
    'provision prod',
    'boot',
    'dispose',
  ]);
});

t.test('a test that skips leaves the board as clean as it was', async (t) => {
  const { boards, verdicts } = await runSuite((test) => {
    test('only a fresh one', { from: 'fresh', dirties: 'disk' }, (t) => t.skip('not promised'));
    test('no network', { dirties: 'network' }, (t) => t.skip('not promised'));
    test('no memory', { dirties: 'memory' }, async (t) => {
      await t.board.shell.text('cat /etc/os-release');
      t.skip('not promised by this edition');
    });
    test('no disk', { dirties: 'disk' }, (t) => t.skip('not promised'));
    test('none, after a boot', { dirties: 'disk', tier: 'nightly' }, async (t) => {
      await t.board.reboot();
      t.skip('seen too late');
    });
    test('the last word', { dirties: 'disk', tier: 'nightly' }, (t) => void t.ok(true));
  });
  t.match(verdicts.slice(0, 5), Array(5).fill(/ 1 skipped$/));
  t.strictSame(boards[0]?.diary, [
    ...['off', 'provision dev'],
    // One boot serves all that only looked.
    ...['off', 'boot'],
    // The one in the body, for which a skip does not answer.
    'boot',
    ...['off', 'provision dev', 'boot'],
    'dispose',
  ]);
});

t.test('evidence is gathered from a board that answers', async (t) => {
  const { events } = await runSuite((test) => test('fails', (t) => void t.ok(false)), {
    freezer: freezer(),
  });
  const names = events.flatMap((event) => (event.type === 'evidence' ? [event.name] : []));
  t.strictSame(names, [
    'console.txt',
    'dmesg.txt',
    'journal.txt',
    'failed-units.txt',
    'pstore.txt',
    'network.txt',
    'mounts.txt',
    'processes.txt',
    'medium.img',
  ]);
});

t.test('evidence files hold what the board said', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'runner-test-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  await runSuite((test) => test('fails', (t) => void t.ok(false)), {
    evidenceFile: async (_place, name) => ({ path: join(dir, name), relative: name }),
    mask: (text) => text.replaceAll('words', '*****'),
  });
  t.equal(await readFile(join(dir, 'console.txt'), 'utf8'), 'last ***** on the console\n');
});

t.test('a signal ends the run, and says so', async (t) => {
  const abort = new AbortController();
  const { verdicts, exitCode, boards, events } = await runSuite(
    (test) => {
      test('under way', async (t) => {
        setTimeout(() => abort.abort('SIGTERM'), 10);
        await t.board.shell.run('sleep');
      });
      test('after it', (t) => void t.ok(true));
    },
    { signal: abort.signal, script: { shell: hangs } },
  );
  t.strictSame(verdicts, ['s/under way 1 errored run.interrupted', 's/after it 1 blocked']);
  t.equal(exitCode, 143);
  t.equal(boards[0]?.diary.at(-1), 'dispose');
  t.match(events.at(-1), { type: 'run.end', signal: 'SIGTERM', exitCode: 143 });
});

t.test('the deadline of the run blocks what is left', async (t) => {
  const { verdicts, exitCode } = await runSuite(
    (test) => {
      test('too long', (t) => t.board.shell.run('sleep').then(() => {}));
      test('after it', (t) => void t.ok(true));
    },
    { deadlineMs: 30, script: { shell: hangs } },
  );
  t.strictSame(verdicts, ['s/too long 1 errored run.deadline', 's/after it 1 blocked']);
  t.equal(exitCode, 3);
});

t.test('two boards at a time', async (t) => {
  let together = 0;
  let most = 0;
  const { verdicts } = await runSuite(
    (test) =>
      test('meets', async (t) => {
        together += 1;
        most = Math.max(most, together);
        await new Promise((resolve) => setTimeout(resolve, 30));
        together -= 1;
        t.equal(t.boards.length, 1);
      }),
    { jobs: 2, configs: [boardConfig('b1'), boardConfig('b2')] },
  );
  t.equal(verdicts.length, 2);
  t.equal(most, 2);
});

t.test('tests that need several boards get them, or a reason', async (t) => {
  const two = await runSuite((test) =>
    test(
      'pair',
      { boards: 2 },
      (t) =>
        void t.same(
          t.boards.map((b) => b.name),
          ['b1', 'b1~2'],
        ),
    ),
  );
  t.strictSame(two.verdicts, ['s/pair 1 passed']);
  t.strictSame(
    two.boards.map((board) => board.diary.at(-1)),
    ['dispose', 'dispose'],
  );
  const none = await runSuite((test) => test('pair', { boards: 2 }, (t) => void t.ok(true)), {
    siblings: () => 'only one',
  });
  t.strictSame(none.verdicts, ['s/pair 1 skipped']);
});

t.test('a capability that the type never had is a skip with the reason', async (t) => {
  const { events, exitCode } = await runSuite((test) =>
    test('led', { needs: ['gpio'] }, (t) => void t.ok(true)),
  );
  t.match(
    events.find((event) => event.type === 'test.end'),
    { verdict: 'skipped', reason: 'boards of type scripted have no gpio' },
  );
  t.equal(exitCode, 0);
});

t.test('suites that cannot be right are refused', async (t) => {
  t.throws(() => suite('s', { summary: '' }, () => {}), { code: 'suite.invalid' });
  const twice = (test: AddTest): void => {
    test('a', () => {});
    test('a', () => {});
  };
  t.throws(() => suite('s', { summary: '' }, twice), { code: 'suite.invalid' });
});

t.test('loading tap does not end the process when its own time is over', async (t) => {
  const assertions = new URL('../rig/core/runner/assertions.js', import.meta.url).href;
  const script = `
    const { tapAssertions } = await import(${JSON.stringify(assertions)});
    const set = await tapAssertions('long', { called() { return {}; }, judged() {} });
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    console.log(set.assertions.ok(true));
    await set.finish();`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, TAP_TIMEOUT: '1' },
    encoding: 'utf8',
  });
  t.strictSame([child.status, child.signal, child.stdout, child.stderr], [0, null, 'true\n', '']);
});

t.test('what a retry does not take back stands', async (t) => {
  const second = async (define: (t: TestContext) => void | Promise<void>): Promise<Outcome> => {
    let calls = 0;
    return runSuite(
      (test) =>
        test('again', (t) => {
          calls += 1;
          return calls === 1 ? void t.ok(false) : define(t);
        }),
      { retries: 1 },
    );
  };
  const skipped = await second((t) => t.skip('not today'));
  t.equal(skipped.verdicts.at(-1), 's/again 2 failed', 'a skip hides no failure');
  t.equal(skipped.exitCode, 1);
  const errored = await second(() => Promise.reject(rigError('r')));
  t.equal(errored.verdicts.at(-1), 's/again 2 failed rig.bad', 'nor does an error of the rig');
  t.equal(errored.exitCode, 1);
});

t.test('verdicts stand when a board cannot be closed', async (t) => {
  const { events, exitCode } = await runSuite((test) => test('bad', (t) => void t.ok(false)), {
    openBoard: async (config) =>
      Object.assign(new ScriptedBoard(config), {
        [Symbol.asyncDispose]: () => Promise.reject(rigError('cannot be switched off')),
      }),
  });
  t.match(events.at(-1), { type: 'run.end', counts: { failed: 1 }, error: { code: 'rig.bad' } });
  t.equal(exitCode, 1);
});

t.test('a test that cannot even begin has a verdict, and the next one its turn', async (t) => {
  let asked = 0;
  const { verdicts } = await runSuite(
    (test) => {
      test('one', (t) => void t.ok(true));
      test('two', (t) => void t.ok(true));
    },
    {
      image: async () => {
        asked += 1;
        if (asked === 1) throw new TypeError('no RigError');
        return image('dev');
      },
    },
  );
  t.strictSame(verdicts, ['s/one 1 errored rig.unexpected', 's/two 1 passed']);
});

t.test('a deadline longer than a timer can be is no deadline of a millisecond', async (t) => {
  const { verdicts } = await runSuite(
    (test) =>
      test('short', { deadlineMs: 2 ** 32 }, async (t) => {
        await new Promise((resolve) => setTimeout(resolve, 30));
        t.ok(true);
      }),
    { deadlineMs: 2 ** 32 },
  );
  t.strictSame(verdicts, ['s/short 1 passed']);
});

t.test('the deadline of the run also ends the wait for a board', async (t) => {
  const { verdicts, exitCode } = await runSuite((test) => test('one', (t) => void t.ok(true)), {
    deadlineMs: 30,
    openBoard: (_config, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  });
  t.strictSame(verdicts, ['s/one 1 errored run.deadline']);
  t.equal(exitCode, 3);
});

t.test('a broken second board blocks the tests that need it, and only those', async (t) => {
  const { verdicts, boards } = await runSuite(
    (test) => {
      test('alone', (t) => void t.ok(true));
      test('pair', { boards: 2 }, (t) => void t.ok(true));
      test('pair again', { boards: 2 }, (t) => void t.ok(true));
      test('alone from off', { from: 'off' }, (t) => void t.ok(true));
    },
    {
      retries: 1,
      openBoard: async (config) =>
        new ScriptedBoard(config, config.name === 'b1' ? {} : { failBoots: [1, 2, 3, 4, 5, 6] }),
    },
  );
  t.strictSame(verdicts, [
    's/alone 1 passed',
    's/pair 1 failed board.no-shell',
    's/pair again 1 blocked board.no-shell',
    's/alone from off 1 passed',
  ]);
  t.strictSame(boards, []);
});

t.test('a virtual board that the next test has no use for is off meanwhile', async (t) => {
  const run = await runSuite(
    (test) => {
      test('pair', { boards: 2 }, (t) => void t.ok(true));
      test('alone', { dirties: 'memory' }, (t) => void t.ok(true));
      test('pair again', { boards: 2, dirties: 'memory' }, (t) => void t.ok(true));
    },
    { configs: [virtual('b1')] },
  );
  t.strictSame(run.verdicts, ['s/pair 1 passed', 's/alone 1 passed', 's/pair again 1 passed']);
  t.strictSame(run.boards[1]?.diary, ['off', 'provision dev', 'boot', 'off', 'boot', 'dispose']);
});

t.test('a deadline between two looks of eventually blames the board all the same', async (t) => {
  const { verdicts } = await runSuite((test) =>
    test('never', { deadlineMs: 60 }, async (t) => {
      await t.eventually('it comes', async () => false, { everyMs: 1_000 });
    }),
  );
  t.strictSame(verdicts, ['s/never 1 failed test.deadline']);
});

t.test('eventually alone proves something, and must be awaited', async (t) => {
  const { verdicts } = await runSuite((test) => {
    test('alone', async (t) => void (await t.eventually('it is there', async () => true)));
    test('forgotten', async (t) => {
      t.ok(true);
      void t.eventually('it comes', async () => false);
    });
  });
  t.strictSame(verdicts, ['s/alone 1 passed', 's/forgotten 1 errored suite.not-awaited']);
});

t.test('what ends several calls at once is told once', async (t) => {
  const trouble = boardError('panicked');
  const { events, verdicts } = await runSuite(
    (test) => {
      test('ended by its deadline', { deadlineMs: 60 }, async (t) => {
        const first = t.board.shell.run('sleep 1');
        await t.board.shell.run('sleep 2');
        await first;
      });
      test('ended by the board', async () => {
        const first = Promise.reject(trouble);
        await Promise.reject(trouble);
        await first;
      });
    },
    { script: { shell: hangs } },
  );
  t.strictSame(verdicts, [
    's/ended by its deadline 1 failed test.deadline',
    's/ended by the board 1 failed board.bad',
  ]);
  t.notOk(
    events.some((event) => event.type === 'run.end' && event.error),
    'the run itself has no error',
  );
});

t.test('a board that a test switched on is fresh no more', async (t) => {
  const { boards } = await runSuite(() => {}, {
    suites: [
      suite('a', { summary: '' }, (test) => {
        test('whatever is there', { from: 'any' }, async (t) => void t.ok(await t.board.boot()));
      }),
      suite('b', { summary: '' }, (test) => test('fresh', { from: 'fresh' }, (t) => void t.ok(true))),
    ],
  });
  t.strictSame(boards[0]?.diary, ['off', 'provision dev', 'boot', 'off', 'provision dev', 'dispose']);
});

t.test('evidence is let go when the run is to end meanwhile', async (t) => {
  const abort = new AbortController();
  const { boards } = await runSuite((test) => test('fails', (t) => void t.ok(false)), {
    freezer: freezer(),
    signal: abort.signal,
    script: {
      shell: (command) => {
        if (command.includes('dmesg')) abort.abort('SIGTERM');
        return { exitCode: 0, stdout: 'ok\n', stderr: '' };
      },
    },
  });
  t.notOk(boards[0]?.diary.includes('keep medium'));
});

t.test('what a suite leaves behind ends no run', async (t) => {
  const module = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  const script = `
    const { run } = await import(${module('../rig/core/runner/run.js')});
    const { suite } = await import(${module('../rig/core/runner/define.js')});
    const { planBoard } = await import(${module('../rig/core/runner/plan.js')});
    const { boardConfig, ScriptedBoard } = await import(${module('./fakes/scripted-board.js')});
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const s = suite('s', { summary: 's' }, (test) => {
      test('leaves a timer behind', (t) => {
        setTimeout(() => t.board.shell.run('late'), 20);
        t.ok(true);
      });
      test('says what JSON cannot', async (t) => {
        await wait(100);
        const circle = {};
        circle.self = circle;
        t.fail('a circle', circle);
      });
    });
    const diagnostics = [];
    const result = await run({
      plans: [planBoard(boardConfig(), [s], { tier: 'nightly' })],
      jobs: 1,
      signal: new AbortController().signal,
      openBoard: async (config) => new ScriptedBoard(config),
      siblings: () => 'none',
      image: async () => undefined,
      emit: (event) => {
        if (event.type === 'assert' && event.diagnostic) diagnostics.push(event.diagnostic);
        if (event.type === 'run.end') console.log(event.error.code);
      },
      evidenceFile: async () => { throw new Error('no evidence here'); },
      mask: (text) => text,
      retries: 0,
      seed: 1,
      scale: () => 1,
    });
    console.log(result.exitCode, result.counts.passed, result.counts.failed, JSON.stringify(diagnostics));`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  t.match(child.stdout, /^suite\.stray-exception\n1 1 1 \["?.*Circular/, child.stderr);
});
