// test: light
// Long because each kind of run is recorded and replayed by the same real runner, which is set up once.
import { execFile, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import t from 'tap';
import { packageRoot } from '../rig/config/package.js';
import type { RigEvent } from '../rig/contracts/events.js';
import type { TestBody } from '../rig/contracts/suite.js';
import type { ReplayedTest } from '../rig/core/replay/replay-run.js';
import { VirtualTime } from '../rig/core/replay/virtual-time.js';
import { SecretMask } from '../rig/record/secrets.js';
import { consoleBoard, type DeviceScript } from './fakes/scripted-session.js';
import {
  bootedFrom,
  consoleOf,
  type Define,
  eventsOf,
  outcomes,
  record,
  replay,
  rewrite,
  root,
} from './replay/support.js';

const hostTimeout = globalThis.setTimeout;
const bigOutput = 'x'.repeat(100_000);
const script: DeviceScript = {
  boot: ['U-Boot\r\n', 'Linux version 6\r\n', 'eth0: link up\r\n', 'Started: \xc3\xa4pp 1.5\r\n', '# '],
  answer: (command) =>
    command === 'cat big' ? `${bigOutput}\n` : command === 'reads secret' ? 'hunter22\n' : `ran ${command}\n`,
  reply: (line) => `${line.trim()}\r\nanswer to ${line.trim()}\r\n# `,
};
/** By the host's clock, which no replay replaces. */
function stillAfter(ms: number): Promise<undefined> {
  return new Promise((resolve) => void hostTimeout(() => resolve(undefined), ms).unref());
}

let polls = 0;
const whole: Define = (test) => {
  test('boots', { from: 'off' }, async (t) => {
    await t.board.power.on();
    await t.board.console.expect(/Started: \S+ (\d)/, { timeoutMs: 30_000 });
    t.ok(t.board.console.text().includes('eth0'), 'the link came up');
  });
  test('asks', async (t) => {
    t.equal(await t.board.shell.text('uname'), 'ran uname');
    const since = t.board.console.mark();
    await t.board.console.send('hello\n');
    t.equal((await t.board.console.expect(/answer to (\w+)/, { since })).groups[0], 'hello');
    t.equal((await t.board.shell.text('cat big')).length, bigOutput.length);
    const found = await t.eventually(
      'two more polls',
      async () => {
        polls += 1;
        return (await t.board.shell.text('poll')) === 'ran poll' && polls % 3 === 0 && 'yes';
      },
      { everyMs: 20 },
    );
    t.equal(found, 'yes');
    t.ok(t.board.lastBoot().stages.some(({ stage }) => stage === 'shell'));
  });
  test('fails for want of a line', { from: 'off' }, async (t) => {
    const since = await bootedFrom(t);
    await t.step('wait', () => t.board.console.expect('never printed', { since, timeoutMs: 300 }));
  });
  test('asserts what is not so', { dirties: 'disk' }, async (t) => {
    t.equal(await t.board.shell.text('uname'), 'ran something else');
  });
};
const recorded = await record(whole, script);

t.test('the same suite comes to the same end', async (t) => {
  const tests = await replay(recorded, whole);
  t.strictSame(outcomes(tests), [
    's/asks: same',
    's/asserts what is not so: same',
    's/boots: same',
    's/fails for want of a line: same',
  ]);
  t.strictSame(
    tests.map(({ recorded }) => recorded.verdict),
    ['passed', 'failed', 'passed', 'failed'],
  );
  t.strictSame(
    tests.flatMap(({ where }) => where ?? []),
    [],
  );
  const long = eventsOf(recorded).find((event) => event.type === 'shell' && event.command === 'cat big');
  t.match(long, { outputFile: /^output\/\d+\.json$/, stdout: undefined }, 'a long output is beside the log');
});

t.test('a changed matcher', async (t) => {
  const at = consoleOf(recorded).lastIndexOf('Linux version');
  const tests = await replay(
    recorded,
    (test) => {
      test('boots', { from: 'off' }, async (t) => {
        await t.board.power.on();
        await t.board.console.expect(/Stopped: \S+ (\d)/, { timeoutMs: 30_000 });
      });
      test('fails for want of a line', { from: 'off' }, async (t) => {
        const since = await bootedFrom(t);
        await t.step('wait', () => t.board.console.expect('Linux version', { since, timeoutMs: 300 }));
      });
    },
    { only: new Set(['b1/s/boots', 'b1/s/fails for want of a line']) },
  );
  t.strictSame(outcomes(tests), ['s/boots: now fails', 's/fails for want of a line: now passes']);
  const [fails, passes] = tests;
  t.equal(fails?.now.error?.code, 'console.timeout');
  const started = eventsOf(recorded).find(
    (event) => event.type === 'console.wait' && event.patterns.includes('Started'),
  );
  t.match(started, { type: 'console.wait', start: fails?.where?.offset }, 'at the byte that matched then');
  t.equal(consoleOf(recorded).toString('latin1', fails?.where?.offset).indexOf('Started'), 0);
  t.equal(passes?.where?.offset, at, 'at the byte that matches now');
  t.match(passes?.where, { board: 'b1', recorded: /console\.timeout/, now: /"Linux version" matched/ });
});

t.test('a changed command, question or order is not answered', async (t) => {
  const asks = async (body: TestBody): Promise<ReplayedTest | undefined> =>
    (await replay(recorded, (test) => test('asks', {}, body), { only: new Set(['b1/s/asks']) }))[0];
  const changed = await asks(async (t) => void t.ok(await t.board.shell.text('uname -r')));
  t.equal(changed?.outcome, 'diverged');
  t.match(changed?.where, {
    now: /run "uname -r" over console, which was not recorded/,
    recorded: /run "uname" over console: exit code 0/,
  });
  const polled = await asks(async (t) => {
    await t.board.shell.text('uname');
    await t.eventually('never', async () => (await t.board.shell.text('poll')) === 'x', { everyMs: 1 });
  });
  t.equal(
    polled?.outcome,
    'diverged',
    'also where the suite catches the error: a fourth poll was not recorded',
  );
  const typed = await asks(async (t) => t.board.console.send('other\n'));
  t.equal(typed?.where?.now, 'type "other\\n", which was not recorded');
  const fewer = await asks(async (t) => void t.equal(await t.board.shell.text('poll'), 'ran poll'));
  t.equal(fewer?.outcome, 'same', 'what is left out is told');
  t.match(fewer?.notes.join(), /was asked "run "uname" over console" then, and not now/);
  const address = await asks(async (t) => void (await t.board.hostAddress()));
  t.not(address?.outcome, 'same');
});

t.test('a test that diverges before it was powered off then ends all the same', async (t) => {
  const cutOff: (command: string) => Define = (command) => (test) =>
    test('power cut', { from: 'off' }, async (t) => {
      await t.board.power.on();
      await t.board.console.expect('Started', { timeoutMs: 30_000 });
      await t.board.shell.text(command);
      await t.board.power.off();
      await t.board.power.on();
      await t.board.console.expect('Started', { timeoutMs: 30_000 });
    });
  const dir = await record(cutOff('mark a'), script);
  t.equal((await replay(dir, cutOff('mark a')))[0]?.outcome, 'same');
  // The end of the board asks for the recorded power-off, and no clock runs any more that would bring it.
  const replaying = replay(dir, cutOff('mark b'));
  const tests = await Promise.race([replaying, stillAfter(10_000)]);
  t.equal(tests?.[0]?.outcome, 'diverged');
});

t.test('time stands still while a suite reads files and runs programs', async (t) => {
  const [read] = await replay(
    recorded,
    (test) =>
      test('boots', { from: 'off' }, async (t) => {
        const began = performance.now();
        for (let count = 0; count < 50; count += 1) await readFile(join(recorded, 'console/b1.raw'));
        await promisify(execFile)('sleep', ['0.2']);
        t.equal(performance.now(), began);
      }),
    { only: new Set(['b1/s/boots']) },
  );
  t.equal(read?.now.verdict, 'passed');
  t.equal(read?.outcome, 'same');
});

t.test('a board that is off may be told so again, also before it boots twice', async (t) => {
  const twice: Define = (test) => {
    test('boots twice', { from: 'off' }, async ({ board }) => {
      for (const command of ['uname', 'date']) {
        await board.power.off();
        await board.boot();
        await board.shell.text(command);
      }
    });
  };
  const tests = await replay(await record(twice, script), twice);
  t.strictSame(outcomes(tests), ['s/boots twice: same']);
  t.strictSame(tests[0]?.notes, []);
});

t.test('what the board did after something is held back until it is asked', async (t) => {
  const [held] = await replay(
    recorded,
    (test) =>
      test('asks', async (t) => {
        await t.board.shell.text('uname');
        await t.board.console.expect('answer to hello', { timeoutMs: 5_000 });
      }),
    { only: new Set(['b1/s/asks']) },
  );
  t.equal(held?.outcome, 'now fails');
  t.match(held?.notes.join(), /held back: the suite did not ask it/);
});

t.test('a board with a console only, as a wire gives it', async (t) => {
  const board = consoleBoard('b1', { prompt: false });
  const dir = await record(
    (test) =>
      test('line', { from: 'off' }, async (t) => {
        const since = await bootedFrom(t);
        await t.board.console.expect('Sarted', { since, timeoutMs: 150 });
      }),
    script,
    { board },
  );
  const fixed: Define = (test) =>
    test('line', { from: 'off' }, async (t) => {
      const since = await bootedFrom(t);
      const { start, text } = await t.board.console.expect('Started', { since, timeoutMs: 150 });
      t.equal(consoleOf(dir).toString('utf8', start, start + 7), text, 'offsets are those of the file');
    });
  const [test] = await replay(dir, fixed, { board: () => board });
  t.equal(test?.outcome, 'now passes');
  t.equal(test?.where?.offset, consoleOf(dir).indexOf('Started'));
});

t.test('a run that was cut short is replayed as far as it goes', async (t) => {
  const define: Define = (test) =>
    test('two lines', { from: 'off' }, async (t) => {
      await t.board.power.on();
      await t.board.console.expect('eth0', { timeoutMs: 30_000 });
      await t.board.console.expect('# ', { timeoutMs: 30_000 });
    });
  const dir = await record(define, script);
  const events = eventsOf(dir);
  const cut = events.findIndex((event) => event.type === 'console.wait') + 1;
  rewrite(dir, events.slice(0, cut));
  const [test] = await replay(dir, define);
  t.equal(test?.outcome, 'diverged');
  t.equal(test?.recorded.error?.code, 'run.truncated');
  t.match(test?.now.error?.code, 'replay.record-ends');
  t.equal(test?.where?.offset, consoleOf(dir).indexOf('eth0: link up\r\n') + 'eth0: link up\r\n'.length);
  const [enough] = await replay(dir, (test) =>
    test('two lines', { from: 'off' }, async (t) => {
      await t.board.power.on();
      await t.board.console.expect('eth0', { timeoutMs: 30_000 });
    }),
  );
  t.equal(enough?.outcome, 'now passes', 'the record was enough for this one');
  truncateSync(join(dir, 'console/b1.raw'), 10);
  const [short] = await replay(dir, define);
  t.equal(short?.outcome, 'diverged');
  t.match(short?.notes.join(), /lacks \d+ bytes/);
});

t.test('a run of an older rig', async (t) => {
  const dir = await record(whole, script);
  const old = eventsOf(dir)
    .filter((event) => !['test.body', 'ask', 'console.wait'].includes(event.type))
    .map((event) => {
      const { stdout, stderr, outputFile, call, by, ...rest } = event as RigEvent & Record<string, unknown>;
      return rest as unknown as RigEvent;
    });
  rewrite(dir, old);
  const tests = await replay(dir, whole);
  t.strictSame(outcomes(tests), [
    's/asks: diverged',
    's/asserts what is not so: diverged',
    's/boots: same',
    's/fails for want of a line: same',
  ]);
  t.match(tests[0]?.where?.now, 'the output of run "uname" over console');
  t.match(tests[0]?.notes.join(), 'older rig');
});

t.test('secrets are not in the record', async (t) => {
  const secrets = new SecretMask(['hunter22']);
  const define: Define = (test) =>
    test('secret', async (t) => {
      t.ok((await t.board.shell.text('reads secret')).length === 8);
      t.same(Object.keys(await t.host.observe('a login', async () => ({ state: 'hunter22' }))), ['state']);
    });
  const dir = await record(define, script, { secrets });
  t.notMatch(readFileSync(join(dir, 'events.ndjson'), 'utf8'), 'hunter22');
  t.match(
    eventsOf(dir).find((event) => event.type === 'shell' && event.command === 'reads secret'),
    { stdout: '********\n' },
  );
  t.strictSame(outcomes(await replay(dir, define, { secrets })), ['s/secret: same']);
});

t.test('a long run takes little time and CPU', async (t) => {
  const dir = await record(
    (test) =>
      test('long', { from: 'off' }, async (t) => {
        await t.board.power.on();
        await t.board.console.expect('# ', { timeoutMs: 30_000 });
      }),
    script,
  );
  // An hour of console output, a line every 100 ms.
  const events = eventsOf(dir);
  const file = join(dir, 'console/b1.raw');
  const line = '[  123.456789] something happened on the bus, and it was logged\r\n';
  const raw = consoleOf(dir);
  const at = events.findLastIndex(
    (event) => event.type === 'console' && event.offset + event.length <= raw.indexOf('Started'),
  );
  const head = events.slice(0, at + 1);
  const last = head.at(-1);
  if (last?.type !== 'console') throw new TypeError('no console event');
  const from = last.offset + last.length;
  const count = 36_000;
  const lines = Array.from({ length: count }, (_, index) => ({
    ...last,
    offset: from + index * line.length,
    length: line.length,
    t: last.t + (index + 1) * 100,
  }));
  const rest = events.slice(at + 1).map((event) => {
    const t = event.t + count * 100;
    return event.type === 'console'
      ? { ...event, t, offset: event.offset + count * line.length }
      : { ...event, t };
  });
  writeFileSync(
    file,
    Buffer.concat([raw.subarray(0, from), Buffer.from(line.repeat(count)), raw.subarray(from)]),
  );
  rewrite(dir, [...head, ...lines, ...rest]);
  const before = process.cpuUsage();
  const [test] = await replay(dir, (test) =>
    test('long', { from: 'off', deadlineMs: 4_000_000 }, async (t) => {
      const began = Date.now();
      await t.board.power.on();
      await t.board.console.expect('# ', { timeoutMs: 3_900_000 });
      await sleep(60_000);
      t.ok(Date.now() - began > 3_600_000, 'an hour passed for the suite');
    }),
  );
  const { user, system } = process.cpuUsage(before);
  const seconds = (user + system) / 1e6;
  t.comment(
    `${count} console events, ${Math.round((count * line.length) / 1e5) / 10} MB, one hour: ${seconds.toFixed(1)} CPU seconds`,
  );
  t.equal(test?.now.verdict, 'passed');
  t.ok(seconds < 60, 'far less than the hour');
});

t.test('the clock of the process is back afterwards', async (t) => {
  const before = [setTimeout, clearTimeout, setInterval, performance.now, Date, AbortSignal.timeout];
  const wall = Date.now();
  {
    using time = new VirtualTime({ nowMs: 5, wallMs: 1_000 });
    const fired: string[] = [];
    setTimeout(() => fired.push(`b ${Date.now()}`), 20);
    setTimeout(() => fired.push('a'), 10);
    clearTimeout(setTimeout(() => fired.push('never'), 1));
    const slept = sleep(5).then(() => fired.push('slept'));
    const tick = setInterval(() => fired.push('tick'), 8);
    time.advanceTo(25);
    clearInterval(tick);
    await slept;
    t.strictSame(fired, ['tick', 'a', 'tick', 'b 1020', 'slept']);
    t.equal(performance.now(), 25);
    t.equal(new Date(Date.now()).toISOString(), '1970-01-01T00:00:01.020Z');
  }
  t.strictSame([setTimeout, clearTimeout, setInterval, performance.now, Date, AbortSignal.timeout], before);
  t.ok(Date.now() >= wall);
  await sleep(1);
});

t.test('real speed takes its time', async (t) => {
  const began = performance.now();
  const tests = await replay(recorded, whole, {
    only: new Set(['b1/s/fails for want of a line']),
    speed: 'real',
  });
  t.strictSame(outcomes(tests), ['s/fails for want of a line: same']);
  t.ok(performance.now() - began >= 290, 'the time-out of 300 ms was lived through');
});

t.test('rig replay', async (t) => {
  const file = join(root, 'suite.ts');
  const body = (pattern: string): void =>
    writeFileSync(
      file,
      `import { suite } from 'boardrig';
export default suite('s', { summary: 'x' }, (test) => {
  test('fails for want of a line', { from: 'off' }, async (t) => {
    await t.board.power.on();
    const since = t.board.console.mark();
    await t.board.console.expect('# ', { since, timeoutMs: 30_000 });
    await t.step('wait', () => t.board.console.expect(${pattern}, { since, timeoutMs: 300 }));
  });
});
`,
    );
  writeFileSync(
    join(root, 'scripted.yaml'),
    `name: scripted
summary: a device for tests of replays
arch: arm64
capabilities: [power, console, shell]
signatures: { kernel: { literal: Linux version }, prompt: { regexp: '^# $' } }
profile: bare
flash: none
inventory: {}
budgets: { shell: 10s }
`,
  );
  writeFileSync(
    join(root, 'lab.yaml'),
    `boards:
  b1:
    type: ./scripted.yaml
    drivers:
      power: { driver: power-command, on: ['true'], off: ['true'] }
      console: { driver: console-tcp, address: '127.0.0.1:1' }
`,
  );
  const rig = (...args: string[]) =>
    spawnSync(process.execPath, [join(packageRoot, 'dist/rig/cli/main.js'), 'replay', ...args], {
      cwd: root,
      encoding: 'utf8',
    });
  const name = 'fails for want of a line';
  body("'never printed'");
  const same = rig(recorded, name, '--suite', file);
  t.equal(same.status, 0, same.stderr);
  t.match(same.stdout, /^same {8}b1\/s\/fails for want of a line\n1 replayed of \S+: 1 same\n$/);
  body("'Linux version'");
  const differs = rig(recorded, name, '--suite', file, '--json');
  t.equal(differs.status, 1, differs.stderr);
  t.match(JSON.parse(differs.stdout), { tests: [{ outcome: 'now passes', where: { board: 'b1' } }] });
  const text = rig(recorded, '--suite', file);
  t.equal(text.status, 1);
  t.match(
    text.stdout,
    /now passes .*\n.*\n.*\n {2}at byte \d+ of the console of b1: then "never printed" ended in console.timeout; now "Linux version" matched bytes/,
  );
  for (const [args, said] of [
    [['no-such-run'], 'Cannot find a run'],
    [[recorded, 'no such test', '--suite', file], 'has no test "no such test"'],
    [[recorded], 'Cannot find the suite "s"'],
    [[recorded, '--suite', file, '--speed', 'warp'], 'must be real or fast'],
  ] as const) {
    const bad = rig(...args);
    t.equal(bad.status, 2, said);
    t.match(bad.stderr, said);
  }
  const brought = await record(whole, script);
  writeFileSync(join(brought, 'suite.js'), readFileSync(file));
  const argv = ['run', join(brought, 'suite.js')];
  const told = eventsOf(brought).map((event) => (event.type === 'run.start' ? { ...event, argv } : event));
  rewrite(brought, told);
  t.match(rig(brought, name).stderr, 'Cannot find the suite "s"', 'no code that the run brought along');
  t.equal(rig(brought, name, '--suite', argv[1] ?? '').status, 1, 'unless it is asked for');
  t.strictSame(
    readdirSync(recorded).sort(),
    ['console', 'events.ndjson', 'evidence', 'output', 'owner.json'],
    'the run is only read',
  );
});
