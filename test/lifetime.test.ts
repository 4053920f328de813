// test: light
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { Worker } from 'node:worker_threads';
import tap, { type Test } from 'tap';
import { abortable, pause } from '../rig/lifetime/abortable.js';
import { BoundedText } from '../rig/lifetime/bounded-text.js';
import { startChild } from '../rig/lifetime/child-process.js';
import { Deadline, withTimeout } from '../rig/lifetime/deadline.js';
import { findExecutable } from '../rig/lifetime/find-executable.js';
import { measureSpeedFactor, speedFactorOf } from '../rig/lifetime/host-speed.js';
import { outputPipe } from '../rig/lifetime/output-pipe.js';
import { pollUntil } from '../rig/lifetime/poll.js';
import { isRunning, killProcess, readProcessStat } from '../rig/lifetime/process-stat.js';
import { runProgram } from '../rig/lifetime/run-program.js';
import { SerialQueue } from '../rig/lifetime/serial-queue.js';

tap.setTimeout(120_000);

const never = (): Promise<never> => new Promise(() => {});
const own = readProcessStat(process.pid);
const lifetimeModules = new URL('../rig/lifetime/', import.meta.url);

tap.test('deadline', async (t: Test) => {
  await t.rejects(withTimeout(never, { timeoutMs: 5, what: 'rain', blame: 'board' }), {
    code: 'lifetime.timeout',
    blame: 'board',
    message: 'Timed out after 5 ms waiting for rain',
  });
  const outer = new AbortController();
  const waiting = withTimeout(never, { timeoutMs: 60_000, signal: outer.signal, what: 'rain' });
  outer.abort(new Error('enough'));
  await t.rejects(waiting, { message: 'enough' }, "the outer signal's reason wins");
  t.equal(await withTimeout(async () => 7, { timeoutMs: 60_000, what: 'x' }), 7);
  await t.rejects(
    withTimeout(() => Promise.reject(new Error('own')), { what: 'x' }),
    { message: 'own' },
  );
  using forever = new Deadline({ what: 'x' });
  t.equal(forever.remainingMs, Number.POSITIVE_INFINITY);
  using ages = new Deadline({ timeoutMs: 2 ** 40, what: 'x' });
  await pause(2);
  t.notOk(ages.signal.aborted, 'a time beyond what a timer can hold is not over at once');
});

tap.test('output that is read slowly comes whole', async (t: Test) => {
  using output = await outputPipe();
  const child = await startChild('seq', { args: ['1', '400000'], stdout: output.writer });
  const found = createHash('sha256');
  for await (const chunk of output.chunks) {
    // Its buffer must not be filled again before the next one is asked for.
    await pause(5);
    found.update(chunk);
  }
  t.match(await child.ended, { code: 0 });
  const wanted = Array.from({ length: 400_000 }, (_, index) => `${index + 1}\n`).join('');
  t.equal(found.digest('hex'), createHash('sha256').update(wanted).digest('hex'));
});

tap.test('abortable leaves no late rejection behind', async (t: Test) => {
  let rejectLate: (error: Error) => void = () => {};
  const late = new Promise<void>((_, reject) => {
    rejectLate = reject;
  });
  const abort = new AbortController();
  const promise = abortable(late, { signal: abort.signal });
  abort.abort(new Error('over'));
  await t.rejects(promise, { message: 'over' });
  rejectLate(new Error('late'));
  await pause(1);
});

tap.test('poll', async (t: Test) => {
  let looks = 0;
  t.equal(
    await pollUntil(() => ++looks === 3 && 'there', { everyMs: 1, timeoutMs: 60_000, what: 'x' }),
    'there',
  );
  t.equal(looks, 3);
  await t.rejects(pollUntil(never, { timeoutMs: 5, what: 'a look that hangs' }), {
    code: 'lifetime.timeout',
  });
  await t.rejects(
    pollUntil(() => Promise.reject(new Error('broken')), { timeoutMs: 60_000, what: 'x' }),
    { message: 'broken' },
  );
});

tap.test('queue', async (t: Test) => {
  const queue = new SerialQueue();
  const order: string[] = [];
  const task = (name: string) => async (): Promise<void> => {
    order.push(`${name}<`);
    await pause(2);
    order.push(`>${name}`);
  };
  const abort = new AbortController();
  const first = queue.run(task('a'));
  const failing = queue.run(() => Promise.reject(new Error('no')));
  const dropped = queue.run(task('never'), { signal: abort.signal });
  const last = queue.run(task('b'));
  abort.abort(new Error('dropped'));
  await t.rejects(dropped, { message: 'dropped' });
  t.same(order, ['a<'], 'giving up a turn does not wait for it');
  await Promise.all([first, t.rejects(failing, { message: 'no' }), last]);
  t.same(order, ['a<', '>a', 'b<', '>b']);
  await queue.idle();
});

tap.test('program', async (t: Test) => {
  const shell = (script: string, options = {}) => runProgram('sh', ['-c', script], options);
  t.same(await shell('cat; echo two >&2', { input: 'one' }), { code: 0, stdout: 'one', stderr: 'two\n' });
  t.equal((await shell('exit 4', { allowedCodes: [0, 4] })).code, 4);
  await t.rejects(shell('echo why >&2; exit 4'), {
    code: 'process.failed',
    message: 'sh ended with exit code 4: why',
  });
  await t.rejects(shell('kill -9 $$'), { message: /ended with SIGKILL/ });
  await t.rejects(runProgram('no-such-program', []), { code: 'process.missing' });
  const grandchild = join(mkdtempSync(join(tmpdir(), 'lifetime-test-')), 'pid');
  const hangs = shell(`sleep 1000 & echo $! > ${grandchild}; wait`, { timeoutMs: 1_000 });
  await t.rejects(hangs, { code: 'lifetime.timeout' });
  const sleeper = readProcessStat(Number(readFileSync(grandchild, 'utf8')));
  await pollUntil(() => !sleeper || !isRunning(sleeper), { what: 'its own child to end', timeoutMs: 10_000 });
  rmSync(dirname(grandchild), { recursive: true });
  t.match((await shell('ps -o pgid= -p $$')).stdout, /\d/);
  t.not((await shell('ps -o pgid= -p $$')).stdout.trim(), String(process.pid), 'a process group of its own');
  const { stdout } = await shell('seq 1 100000', { captureBytes: 1000 });
  t.equal(stdout.length, 1000);
  t.match(stdout, /100000\n$/, 'of a long output the end is kept');
});

tap.test('a child gets sockets, and dies with the controller', async (t: Test) => {
  const echo = await startChild('sh', { args: ['-c', 'exec cat <&3 >&3'], sockets: 1 });
  const [socket] = echo.sockets;
  socket?.write('ping');
  t.equal(String((await once(socket as Duplex, 'data'))[0]), 'ping');
  t.ok(isRunning(echo.identity));
  echo.kill('SIGKILL');
  t.same(await echo.ended, { code: null, signal: 'SIGKILL' });
  t.notOk(isRunning(echo.identity));
  echo.kill('SIGKILL');

  const script = `
    const { startChild } = await import(${JSON.stringify(new URL('child-process.js', lifetimeModules).href)});
    const child = await startChild('sleep', { args: ['1000'] });
    console.log(child.pid);`;
  const controller = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(controller.stdout, 'data')) as [Buffer];
  const orphan = readProcessStat(Number(said));
  t.equal(orphan?.parentPid, controller.pid);
  controller.kill('SIGKILL');
  if (orphan) await pollUntil(() => !isRunning(orphan), { what: 'sleep to end', timeoutMs: 60_000 });
});

tap.test('a thread must not start a child: it would end with the thread', async (t: Test) => {
  const script = `
    const { startChild } = await import(${JSON.stringify(new URL('child-process.js', lifetimeModules).href)});
    await startChild('true', { args: [] });`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`));
  const [error] = (await once(worker, 'error')) as [Error];
  t.match(error.message, /main thread/);
});

tap.test('process', async (t: Test) => {
  t.equal(own?.parentPid, process.ppid);
  t.ok(own && isRunning(own));
  t.notOk(own && isRunning({ ...own, startTicks: own.startTicks - 1 }), 'the same pid, another process');
  t.notOk(own && killProcess({ ...own, startTicks: 1 }, 'SIGKILL'), 'which is not killed');
  const before = own?.cpuSeconds ?? 0;
  for (let round = 0; round < 4; round += 1) measureSpeedFactor();
  t.ok((readProcessStat(process.pid)?.cpuSeconds ?? 0) >= before + 0.01, 'CPU time is counted');
  t.equal(readProcessStat(2 ** 30), undefined);
  const folder = mkdtempSync(join(tmpdir(), 'lifetime test (x) '));
  try {
    symlinkSync(findExecutable('sleep') ?? '', join(folder, 'a) b (c'));
    const odd = await startChild(join(folder, 'a) b (c'), { args: ['1000'] });
    await pollUntil(() => readProcessStat(odd.pid)?.state === 'S', {
      what: 'it to sleep',
      timeoutMs: 60_000,
    });
    t.equal(readProcessStat(odd.pid)?.parentPid, process.pid, 'parentheses in its name confuse nothing');
    odd.kill('SIGKILL');
    await odd.ended;
  } finally {
    rmSync(folder, { recursive: true });
  }
});

tap.test('host speed', async (t: Test) => {
  const idle = { busy: 1, cpus: 2 };
  t.equal(speedFactorOf([2, 2, 2], idle), 1, 'a faster host gets no less time');
  t.equal(speedFactorOf([8, 8, 500], idle), 2, 'one slow round does not decide');
  t.equal(speedFactorOf([900, 900, 900], idle), 5, 'it is capped');
  t.equal(
    speedFactorOf([4, 4, 4], { busy: 2, cpus: 2 }),
    1,
    'a board for each processor costs none of them time',
  );
  t.equal(speedFactorOf([4, 4, 4], { busy: 5, cpus: 2 }), 2.5, 'five that want two processors take turns');
  t.equal(speedFactorOf([2, 2, 2], { busy: 5, cpus: 2 }), 2.5, 'also on a fast host');
  t.equal(speedFactorOf([8, 8, 8], { busy: 100, cpus: 2 }), 5, 'it is capped all the same');
  const factor = measureSpeedFactor();
  t.ok(factor >= 1 && factor <= 5);
});

tap.test('bounded text', async (t: Test) => {
  const text = new BoundedText(10);
  for (let index = 0; index < 5000; index += 1) text.append(Buffer.from(`${index % 10}`));
  text.append(Buffer.from('\n\nend'));
  t.equal(text.text(), '56789\n\nend');
  t.equal(text.droppedBytes, 4995);
  t.same(text.lastLines(1), ['end']);
});
