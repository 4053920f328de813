// test: vm, 10 minutes
/** Faults of boards, of QEMU and of the controller itself, through the real command, each with the verdict predicted for it. */
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import tap, { type Test } from 'tap';
import { packageRoot } from '../../rig/config/package.js';
import type { RigEvent } from '../../rig/contracts/events.js';
import { pollUntil } from '../../rig/lifetime/poll.js';
import { oddBytes } from './fixtures/odd-bytes.js';
import { ownKernel } from './own-kernel.js';
import { type Ended, type Running, readEvents, World } from './world.js';

tap.setTimeout(600_000);

const fixtures = join(packageRoot, 'test', 'e2e', 'fixtures');

function worldWithFixtures(): World {
  const world = new World();
  cpSync(fixtures, world.cwd, { recursive: true });
  return world;
}

type TestEnd = Extract<RigEvent, { type: 'test.end' }>;
type RunEnd = Extract<RigEvent, { type: 'run.end' }>;

function testEnds(events: readonly RigEvent[]): readonly TestEnd[] {
  return events.filter((event): event is TestEnd => event.type === 'test.end' && event.final !== undefined);
}

function runEnd(events: readonly RigEvent[]): RunEnd | undefined {
  return events.find((event): event is RunEnd => event.type === 'run.end');
}

function lastRun(world: World): RigEvent[] {
  return readEvents(world.runs.at(-1) ?? '');
}

/** `name: verdict code blame` of every test, in the order they ended. */
function told(events: readonly RigEvent[]): readonly string[] {
  return testEnds(events).map(({ id, final, error }) =>
    [`${id}: ${final}`, ...(error ? [error.code, error.blame] : [])].join(' '),
  );
}

const isWaiting = (event: RigEvent): boolean => event.type === 'step.start' && event.name === 'waits';

/** Starts the suite that waits on the board without an image, and comes back when it waits. */
async function startWaiting(world: World): Promise<Running> {
  const running = world.start(['run', './bench.js', '--board', 'bench-1']);
  await running.untilEvent('the test waits', isWaiting);
  return running;
}

function assertNothingLeft(t: Test, world: World): void {
  t.same(world.processes(), [], 'no process is left');
}

function assertReports(t: Test, folder: string | undefined): void {
  for (const name of ['report.html', 'junit.xml', 'report.tap'])
    t.ok(existsSync(join(folder ?? '', name)), `${name} was written`);
}

tap.test('each fault of a board has its verdict, and the next test a clean board', async (t) => {
  using world = worldWithFixtures();
  const ended = await world.rig(['run', './faults.ts', '--board', 'virt-arm64']);
  const events = lastRun(world);
  t.same(
    told(events),
    [
      'hangs in a command: failed test.deadline board',
      'hangs longer than its caller waits: failed ssh.timeout board',
      'floods the console: passed',
      'prints what is no text: passed',
      'hears a BREAK: passed',
      'goes silent: failed console.timeout board',
      'panics: failed console.panic board',
      'after the panic: passed',
      'panics as it should: passed',
      'after the panic that should be: passed',
      'reboots by itself: failed console.unexpected-reset board',
      'after the reboot: passed',
      'powers itself off: failed board.powered-off board',
      'after the power-off: passed',
    ].map((line) => `virt-arm64/faults/${line}`),
  );
  t.equal(ended.code, 1, ended.stderr);
  const errorOf = (name: string): TestEnd['error'] =>
    testEnds(events).find((event) => event.name === name)?.error;
  t.match(errorOf('hangs in a command')?.message, /waited for .*ssh\.run\("sleep 1000"\)/);
  t.match(errorOf('hangs longer than its caller waits')?.message, /"sleep 1000"/);
  t.match(errorOf('goes silent')?.message, /"a word that never comes"[\s\S]*these are the last words/);
  t.match(errorOf('panics')?.message, /sysrq triggered crash/);
  t.notMatch(ended.stdout + ended.stderr, /^\s+at .*:\d+:\d+\)?$/m, 'no stack trace');
  assertReports(t, world.runs.at(-1));

  const log = readFileSync(join(world.runs.at(-1) ?? '', 'console', 'virt-arm64.raw'));
  const begin = log.indexOf('<bytes>') + '<bytes>'.length;
  const bytes = log.subarray(begin, log.indexOf('</bytes>', begin));
  t.equal(
    bytes.toString('hex'),
    Buffer.from(oddBytes).toString('hex'),
    'the log holds the bytes as they were',
  );
  t.equal(
    log.toString('latin1').match(/0123456789abcde\r\n/g)?.length,
    131_072,
    'the log holds the whole flood',
  );
  assertNothingLeft(t, world);
});

tap.test('a QEMU that is killed fails the wait at once, and the next test has a new one', async (t) => {
  using world = worldWithFixtures();
  const running = await startWaiting(world);
  const [qemu = 0, ...others] = world.qemus();
  t.same(others, [], 'one QEMU');
  const killedAt = Date.now();
  process.kill(qemu, 'SIGKILL');
  const ended = await running.ended;
  const events = lastRun(world);
  t.same(told(events), ['bench-1/bench/waits: errored qemu.killed rig', 'bench-1/bench/answers: passed']);
  t.equal(ended.code, 3);
  const failed = events.find((event) => event.type === 'step.end');
  t.comment(`the wait failed ${Date.parse(failed?.wall ?? '') - killedAt} ms after the kill`);
  t.match(failed, { ok: false, error: { code: 'qemu.killed', message: /ended by SIGKILL/ } });
  const powers = events.filter((event) => event.type === 'power').map((event) => event.state);
  t.same(powers, ['on', 'off', 'on', 'off']);
  t.match(ended.stdout, /the rig's fault: QEMU of board "bench-1" was ended by SIGKILL/);
  assertNothingLeft(t, world);
});

tap.test('a busy board says by whom and since when, and --wait waits for it', async (t) => {
  using world = worldWithFixtures();
  const first = await startWaiting(world);
  const quick = ['run', './bench.js', '--board', 'bench-1', '--only', 'answers'];
  const busy = await world.rig(quick);
  t.equal(busy.code, 3);
  const holder = new RegExp(
    `Board "bench-1" is busy: rig run bench \\(pid ${first.pid}, \\w+, \\S+\\) since \\d{4}-\\d\\d-\\d\\dT`,
  );
  t.match(busy.stdout, holder);
  t.match(busy.stdout, /--wait/);
  t.equal(world.qemus().length, 1, 'the board of the first is untouched');

  const second = world.start([...quick, '--wait']);
  await second.untilEvent(
    'it says that it waits',
    (event) => event.type === 'log' && /^Waiting for board "bench-1": rig run bench/.test(event.message),
  );
  first.child.kill('SIGINT');
  const interrupted = await first.ended;
  t.equal(interrupted.code, 130);
  assertInterrupted(t, first.runFolder, 'SIGINT');
  const waited = await second.ended;
  t.equal(waited.code, 0, waited.stdout + waited.stderr);
  assertNothingLeft(t, world);
});

/** The board is off, what had not run is blocked, the reports are there. */
function assertInterrupted(t: Test, folder: string | undefined, signal: string): void {
  const events = readEvents(folder ?? '');
  t.match(runEnd(events), { signal });
  t.equal(events.findLast((event) => event.type === 'power')?.state, 'off');
  const ends = testEnds(events);
  t.equal(ends[0]?.error?.code, 'run.interrupted');
  t.ok(ends.length > 1);
  for (const { final, reason } of ends.slice(1))
    t.match({ final, reason }, { final: 'blocked', reason: new RegExp(signal) });
  assertReports(t, folder);
}

tap.test('SIGTERM ends also a board that is still booting', async (t) => {
  using world = worldWithFixtures();
  const running = world.start(['run', './faults.ts', '--board', 'virt-arm64']);
  await running.untilEvent('the firmware is there', (event) => event.type === 'stage');
  running.child.kill('SIGTERM');
  const ended = await running.ended;
  t.equal(ended.code, 143, ended.stderr);
  assertInterrupted(t, running.runFolder, 'SIGTERM');
  const stages = running.events().flatMap((event) => (event.type === 'stage' ? [event.stage] : []));
  t.notOk(stages.includes('shell'), `it did not wait for the shell: ${stages.join(', ')}`);
  assertNothingLeft(t, world);
});

tap.test('SIGKILL of the controller leaves nothing, and the next run says so', async (t) => {
  using world = worldWithFixtures();
  const running = await startWaiting(world);
  t.equal(world.qemus().length, 1);
  running.child.kill('SIGKILL');
  await running.ended;
  await pollUntil(() => world.processes().length === 0, {
    what: 'QEMU to end with its controller',
    timeoutMs: 60_000,
    blame: 'rig',
  });
  const boards = await world.rig(['boards', '--json']);
  t.match(boards.stdout, /"free"|"state":\s*"free"/);
  const next = await world.rig(['run', './bench.js', '--board', 'bench-1', '--only', 'answers']);
  t.equal(next.code, 0, next.stdout + next.stderr);
  t.match(next.stdout, new RegExp(`died [^\\n]*rig run bench \\(pid ${running.pid}, `));
  const report = await world.rig(['report', running.runFolder ?? '']);
  t.equal(report.code, 0, report.stderr);
  assertReports(t, running.runFolder);
  assertNothingLeft(t, world);
});

tap.test("two boards at once, one of them a person's own kernel and initrd", async (t) => {
  using world = worldWithFixtures();
  await ownKernel(world);
  const boards = ['--lab', 'own-lab.yaml', '--board', 'virt-arm64', '--board', 'own'];
  const ended: Ended = await world.rig(['run', './both.js', ...boards, '--jobs', '2', '--retries', '1']);
  t.equal(ended.code, 0, ended.stdout + ended.stderr);
  const events = lastRun(world);
  t.same([...told(events)].sort(), [
    'own-1/both/answers on its console: passed',
    'own-1/both/passes at the second try: flaky',
    'virt-arm64/both/answers on its console: passed',
    'virt-arm64/both/passes at the second try: flaky',
  ]);
  const order = events.flatMap((event) =>
    event.type === 'board.open' || event.type === 'board.close' ? [event.type] : [],
  );
  t.same(order, ['board.open', 'board.open', 'board.close', 'board.close'], 'both ran at the same time');
  t.same(readdirSync(join(world.runs.at(-1) ?? '', 'console')).sort(), ['own-1.raw', 'virt-arm64.raw']);
  t.match(ended.stdout, /2 passed, 2 flaky/);
  assertNothingLeft(t, world);
});
