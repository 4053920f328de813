// Long because one process with all actors costs less than a file for each part of a session.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t, { test } from 'tap';
import type { CommandIo } from '../rig/cli/command.js';
import { reportError } from '../rig/cli/print-error.js';
import { PrintableText } from '../rig/cli/printable.js';
import { packageRoot } from '../rig/config/package.js';
import type { DeviceEvent } from '../rig/contracts/driver.js';
import { type Json, RigError } from '../rig/contracts/errors.js';
import type { SessionConsole } from '../rig/contracts/session.js';
import type { AttachedSession } from '../rig/core/session/attached.js';
import { ConsoleHub, tailBytes } from '../rig/core/session/console-hub.js';
import { ConsoleLog } from '../rig/core/session/console-log.js';
import { startDaemon } from '../rig/core/session/daemon.js';
import { boardPlaces, sessionRoots } from '../rig/core/session/directory.js';
import { encodeBytes, encodeMessage, FrameDecoder } from '../rig/core/session/frames.js';
import { readHolder, thisHolder } from '../rig/core/session/holder.js';
import { LocalSession } from '../rig/core/session/local.js';
import { attachSession, openSession } from '../rig/core/session/open.js';
import { fakeBoard, openFake } from './session-actors.js';

t.setTimeout(180_000);
const home = mkdtempSync(join(tmpdir(), 'sess-'));
process.env.XDG_RUNTIME_DIR = home;
process.env.XDG_STATE_HOME = join(home, 'state');
const roots = sessionRoots();
const actors = fileURLToPath(new URL('./session-actors.js', import.meta.url));
const left: ChildProcess[] = [];
process.on('exit', () => {
  for (const child of left) child.kill('SIGKILL');
  // Background sessions of a test that was cut off.
  for (const name of existsSync(join(roots.runtime, 'boards'))
    ? readdirSync(join(roots.runtime, 'boards'))
    : []) {
    const holder = readHolder(boardPlaces(name, roots).holder);
    if (holder && holder.pid !== process.pid && running(holder.pid)) process.kill(holder.pid, 'SIGTERM');
  }
  rmSync(home, { recursive: true, force: true });
});

/** An actor and what it says, line by line. */
function actor(role: string, name: string, extra = '') {
  const child = spawn(process.execPath, [actors, role, name, extra], { stdio: ['pipe', 'pipe', 'inherit'] });
  left.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    says: async (): Promise<string> => (await lines.next()).value ?? '(nothing)',
    end: () => child.stdin.end(),
    kill: async (signal: 'SIGKILL' | 'SIGTERM') => {
      const gone = once(child, 'exit');
      child.kill(signal);
      await gone;
    },
  };
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within 20 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Collects a console and waits for text on it. */
function listen(line: SessionConsole | undefined, from: 'now' | 'tail' = 'now') {
  const heard = { text: '', gaps: 0, lost: undefined as RigError | undefined };
  line?.subscribe(
    {
      data: (chunk) => {
        heard.text += Buffer.from(chunk).toString('latin1');
      },
      lost: (error) => {
        heard.lost = error;
      },
      gap: (missed) => {
        heard.gaps += missed;
      },
    },
    { from },
  );
  return {
    heard,
    sees: (text: string) => until(`"${text}" on the console`, () => heard.text.includes(text)),
  };
}

function running(pid: number): boolean {
  try {
    // A zombie that nobody reaped yet has ended too (proc(5)).
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

const pidOf = (name: string): number =>
  Number(readFileSync(join(boardPlaces(name, roots).deviceState, 'pid'), 'utf8'));

async function code(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: RigError) => error.code ?? String(error),
  );
}

async function attach(name: string, purpose = 'rig console'): Promise<AttachedSession> {
  const session = await attachSession(name, { purpose, roots });
  if (!session) throw new Error(`no session of ${name}`);
  return session;
}

const openOptions = { openDevices: openFake, roots };

test('a board has one holder at a time', async (t) => {
  const racers = Array.from({ length: 6 }, () => actor('lock', 'race'));
  const said = await Promise.all(racers.map((racer) => racer.says()));
  t.equal(said.filter((line) => line === 'won fresh').length, 1, said.join(' / '));
  const winner = racers[said.indexOf('won fresh')];
  t.equal(said.filter((line) => line.startsWith('session.busy: ')).length, 5);
  const pid = winner?.child.pid;
  const busy = said.find((line) => line.startsWith('session.busy')) ?? '';
  t.match(
    busy,
    new RegExp(`Board "race" is busy: actor lock \\(pid ${pid}, \\S+, \\S+\\) since \\d{4}-\\d\\d-\\d\\dT`),
    'it says by whom and since when',
  );
  const waiters = [actor('lock', 'race', 'wait'), actor('lock', 'race', 'wait')];
  const heard: string[] = [];
  const served = waiters.map(async (waiter) => heard.push(await waiter.says()));
  winner?.end();
  await Promise.race(served);
  t.same(heard, ['won fresh'], 'one of the waiters gets it when the holder goes, the other goes on waiting');
  for (const waiter of waiters) waiter.end();
  await Promise.all(served);
  t.same(heard, ['won fresh', 'won fresh']);

  const victim = actor('lock', 'race', 'wait');
  t.equal(await victim.says(), 'won fresh');
  await victim.kill('SIGKILL');
  const next = actor('lock', 'race');
  t.equal(await next.says(), `won recovered ${victim.child.pid}`, 'a crash is noticed, and no lock is stale');
  next.end();
  t.equal(await next.says(), 'ended');
  t.notOk(existsSync(boardPlaces('race', roots).holder), 'the holder file went with the lock');
});

test('a session in another network namespace, which does not share the lock, is left as it is', async (t) => {
  const board = fakeBoard('elsewhere');
  const places = boardPlaces(board.name, roots);
  await using _session = await LocalSession.open(board, {
    holder: thisHolder('rig up'),
    openDevices: openFake,
  });
  writeFileSync(join(places.work, 'disk'), 'in use');
  const second = spawnSync('unshare', ['-Urn', process.execPath, actors, 'local', board.name], {
    encoding: 'utf8',
  });
  t.match(second.stdout, 'session.busy', second.stderr);
  t.equal(readFileSync(join(places.work, 'disk'), 'utf8'), 'in use');
});

test('nobody else can reach into the session folder', async (t) => {
  const loose = join(home, 'loose');
  const options = { ...openOptions, roots: { runtime: loose, state: roots.state }, purpose: 'test' };
  const { mkdirSync, symlinkSync } = await import('node:fs');
  mkdirSync(loose, { mode: 0o755 });
  t.equal(await code(openSession(fakeBoard('a'), options)), 'session.unsafe-directory');
  symlinkSync(home, join(home, 'link'));
  const linked = { ...options, roots: { runtime: join(home, 'link'), state: roots.state } };
  t.equal(await code(openSession(fakeBoard('a'), linked)), 'session.unsafe-directory');
  const far = { ...options, roots: { runtime: join(home, 'x'.repeat(80)), state: roots.state } };
  t.equal(await code(openSession(fakeBoard('a'), far)), 'session.path-too-long');
  t.equal(await code(openSession(fakeBoard('../a'), { ...options, roots })), 'session.bad-name');
});

test('a session in this process', async (t) => {
  const places = boardPlaces('local', roots);
  const session = await LocalSession.open(fakeBoard('local', { break: 'none' }), {
    holder: thisHolder('test'),
    ...openOptions,
  });
  t.equal(statSync(places.socket).mode & 0o777, 0o600);
  t.ok(existsSync(places.work));
  t.ok(session.has.has('shell'), 'a console with a prompt carries a shell');
  const early = listen(session.console);
  await session.capabilities.power?.on();
  await early.sees('booted\n');
  await session.console?.write(Buffer.from('hello\n'));
  await early.sees('got hello\n');
  const late = listen(session.console, 'tail');
  t.equal(late.heard.text, 'booted\ngot hello\n', 'a newcomer gets the history at once');
  t.equal(listen(session.console).heard.text, '');
  const throwing = { lost: undefined as RigError | undefined };
  session.console?.subscribe({
    data: () => {
      throw new Error('reader broke');
    },
    lost: (error) => {
      throwing.lost = error;
    },
  });
  t.equal(
    await code(Promise.resolve(session.console?.sendBreak())),
    'console.no-break',
    'its driver has none',
  );
  await session.console?.write(Buffer.from('again\n'));
  await early.sees('got again\n');
  t.equal(
    throwing.lost?.code,
    'session.reader-failed',
    'a reader that throws is taken off, the others go on',
  );
  const pid = pidOf('local');
  t.ok(running(pid));
  await session[Symbol.asyncDispose]();
  t.notOk(running(pid), 'the board is off');
  t.notOk(
    existsSync(places.socket) || existsSync(places.holder) || existsSync(places.work),
    'nothing is left',
  );
  t.equal(readFileSync(places.consoleLog, 'latin1'), 'booted\ngot hello\ngot again\n', 'all of it is logged');
  t.equal(await code(Promise.resolve(session.console?.write(Buffer.from('x')))), 'session.ended');
});

test('what goes wrong at the start or the end leaves nothing', async (t) => {
  const places = boardPlaces('faulty', roots);
  const open = (quirks: Record<string, string>) =>
    LocalSession.open(fakeBoard('faulty', quirks), { holder: thisHolder('test'), ...openOptions });
  t.equal(await code(open({ open: 'fails' })), 'fake.missing');
  t.notOk(existsSync(places.socket) || existsSync(places.holder) || existsSync(places.work));
  const lacking = await open({ address: 'missing' }).catch((error: RigError) => error);
  t.match(lacking, { code: 'board.capability-missing', blame: 'config', message: /lacks address/ });
  const both = await open({ address: 'missing', dispose: 'fails' }).catch((error: RigError) => error);
  t.match(
    both,
    { code: 'board.capability-missing', message: /the adapter does not answer/ },
    'first cause wins',
  );
  const session = await open({ off: 'fails', dispose: 'fails' });
  await session.capabilities.power?.on();
  const pid = pidOf('faulty');
  const error = await session[Symbol.asyncDispose]().then(
    () => undefined,
    (caught: RigError) => caught,
  );
  t.match(error, { code: 'session.teardown', message: /the relay is stuck; the adapter does not answer/ });
  t.notOk(existsSync(places.socket) || existsSync(places.holder) || existsSync(places.work));
  await until('the board is off', () => !running(pid));
  await (await open({}))[Symbol.asyncDispose]();
});

test('several clients use one session', async (t) => {
  const owner = actor('own', 'shared');
  t.equal(await owner.says(), 'ready');
  const one = await attach('shared');
  const two = await attach('shared', 'rig run boot');
  t.same([...one.has].sort(), [
    'address',
    'console',
    'link',
    'power',
    'powerButton',
    'reset',
    'shell',
    'storage',
  ]);
  const events: DeviceEvent[] = [];
  one.onEvent((event) => events.push(event));
  const [first, second] = [listen(one.console, 'tail'), listen(two.console)];
  await first.sees('booted\n');
  await two.console?.write(Buffer.from('from two\n'));
  await Promise.all([first.sees('got from two\n'), second.sees('got from two\n')]);
  await two.console?.sendBreak();
  await first.sees('got a break\n');
  await two.capabilities.link?.down();
  t.equal(await one.capabilities.link?.state(), 'down');
  t.match(events.at(-1), { kind: 'link', state: 'down' }, 'an event reaches the other client');
  t.same(await one.capabilities.address?.endpoint(22), { host: '127.0.0.1', port: 1_022 });
  t.equal(await one.cpuSeconds(), 1.5);
  const image = { path: '/some.img', sha256: 'f'.repeat(64) };
  await two.capabilities.storage?.provision(image);
  await one.info();
  t.same(one.capabilities.storage?.state(), { kind: 'image', ...image }, 'all know what is on the medium');
  const bytes = await one.capabilities.storage?.read(7, 2_500_000);
  t.equal(bytes?.length, 2_500_000);
  t.equal(bytes?.[2_499_999], (7 + 2_499_999) % 251, 'long reads are put together');

  await two.takeLease();
  t.equal(await code(Promise.resolve(one.capabilities.power?.off())), 'session.busy');
  t.equal(await code(Promise.resolve(one.console?.write(Buffer.from('x')))), 'session.busy');
  t.equal(await code(Promise.resolve(one.console?.sendBreak())), 'session.busy');
  const refusal = await one.stop().catch((error: RigError) => error);
  t.match(refusal, { code: 'session.busy', message: /rig run boot \(pid \d+, .*\) since \d{4}/ });
  t.equal(await one.capabilities.power?.state(), 'on', 'looking on stays allowed');
  t.equal(await code(one.takeLease()), 'session.busy');
  const waiting = one.takeLease({ wait: true });
  const impatient = new AbortController();
  const third = await attach('shared');
  const calledOff = third.takeLease({ wait: true, signal: impatient.signal });
  impatient.abort(new Error('enough'));
  await t.rejects(calledOff, { message: 'enough' });
  await two[Symbol.asyncDispose]();
  await waiting;
  await until(
    'the lease passes on when its owner leaves',
    () => third.leaseHolder?.command === 'rig console',
  );
  await one[Symbol.asyncDispose]();
  await until('the lease is free', () => third.leaseHolder === null);
  await third.capabilities.power?.off();
  t.equal(await third.capabilities.power?.state(), 'off');

  const lastWords = listen(third.console);
  owner.end();
  t.equal((await third.ended).orderly, true);
  t.equal(lastWords.heard.lost?.code, 'session.ended');
  t.equal(await code(Promise.resolve(third.capabilities.power?.on())), 'session.ended');
  t.equal(await owner.says(), 'ended');
});

test('a client that vanishes takes nothing with it', async (t) => {
  const owner = await LocalSession.open(fakeBoard('vanish'), { holder: thisHolder('test'), ...openOptions });
  const state = boardPlaces('vanish', roots).deviceState;
  const script = `
    const { attachSession } = await import(${JSON.stringify(new URL('../rig/core/session/open.js', import.meta.url).href)});
    const session = await attachSession('vanish', { purpose: 'rig victim' });
    await session.takeLease();
    await session.capabilities.powerButton.press();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
  left.push(child);
  await until('it is in the middle of it', () => existsSync(join(state, 'pressed')));
  const onlooker = await attach('vanish');
  t.equal(onlooker.leaseHolder?.command, 'rig victim');
  t.equal(await code(Promise.resolve(onlooker.capabilities.link?.down())), 'session.busy');
  child.kill('SIGKILL');
  await until('its operation is called off', () => existsSync(join(state, 'press-aborted')));
  await until('its lease is given back', () => onlooker.leaseHolder === null);
  await onlooker.capabilities.link?.down();
  t.equal(await owner.capabilities.link?.state(), 'down', 'the session serves the others');
  const abort = new AbortController();
  const press = onlooker.capabilities.powerButton?.press({ signal: abort.signal });
  abort.abort(new Error('changed my mind'));
  await t.rejects(press ?? Promise.resolve(), { message: 'changed my mind' });
  await onlooker.capabilities.link?.up();
  t.equal(await owner.capabilities.link?.state(), 'up', 'a cancelled operation frees the turn');
  await onlooker[Symbol.asyncDispose]();
  await owner[Symbol.asyncDispose]();
});

test('garbage on the socket hurts only who sends it', async (t) => {
  const owner = await LocalSession.open(fakeBoard('garbage'), { holder: thisHolder('test'), ...openOptions });
  const path = boardPlaces('garbage', roots).socket;
  const client = thisHolder('hostile');
  const hello = encodeMessage({ type: 'hello', protocol: 1, client: { ...client } });
  const sendAll = async (parts: Uint8Array[], wait = false): Promise<{ text: string; closed: boolean }> => {
    const socket = connect(path).on('error', () => {});
    const answers: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => answers.push(chunk));
    let closed = false;
    socket.on('close', () => {
      closed = true;
    });
    for (const [index, part] of parts.entries()) {
      socket.write(part);
      if (wait && index === 0) await once(socket, 'data');
    }
    await until('an answer or the end', () => closed || Buffer.concat(answers).includes('"id":7'));
    const text = Buffer.concat(answers).toString('latin1');
    socket.destroy();
    return { text, closed };
  };
  const ask = (op: string, params: Json): Buffer => encodeMessage({ type: 'request', id: 7, op, params });
  const fatal: [string, Uint8Array[]][] = [
    ['random bytes', [randomBytes(2_000).fill(0xff, 0, 4)]],
    ['a frame of 4 GB', [Buffer.from([0xff, 0xff, 0xff, 0xff, 1])]],
    ['an empty frame', [Buffer.alloc(4)]],
    ['not JSON', [Buffer.concat([Buffer.from([0, 0, 0, 3, 1]), Buffer.from('{]')])]],
    ['a request before hello', [ask('info', {})]],
    ['a number as hello', [encodeMessage(5)]],
    ['another protocol', [encodeMessage({ type: 'hello', protocol: 99, client: { ...client } })]],
    ['hello twice', [hello, hello]],
    ['a hello of nobody', [encodeMessage({ type: 'hello', protocol: 1, client: 'me' })]],
  ];
  for (const [what, parts] of fatal) {
    const { text, closed } = await sendAll(parts);
    t.ok(closed, `${what}: cut off`);
    t.match(text, /"refused".*"session\.(garbage|other-version)"/s, `${what}: and told why`);
  }
  const silly: [string, string, Json][] = [
    ['an operation of Object', 'constructor', {}],
    ['a port that is a text', 'address.endpoint', { port: 'http' }],
    ['a huge read', 'storage.read', { offset: 0, length: 1e12 }],
    ['no parameters', 'storage.provision', null],
    ['a subscription without number', 'console.subscribe', { id: -1 }],
  ];
  for (const [what, op, params] of silly) {
    const { text } = await sendAll([hello, ask(op, params)], true);
    t.match(text, /"failure".*"session\.bad-request"/s, `${what}: refused`);
  }
  const good = await attach('garbage');
  await good.capabilities.power?.on();
  t.equal(await owner.capabilities.power?.state(), 'on', 'the session lives');
  await good[Symbol.asyncDispose]();
  await owner[Symbol.asyncDispose]();
});

test('frames survive any cutting', (t) => {
  const frames = [encodeMessage({ a: 'ü' }), encodeBytes(9, Buffer.from('bytes')), encodeMessage([])];
  const whole = Buffer.concat(frames);
  for (let size = 1; size <= whole.length; size += 1) {
    const decoder = new FrameDecoder();
    const found: unknown[] = [];
    for (let from = 0; from < whole.length; from += size) {
      for (const frame of decoder.push(whole.subarray(from, from + size))) found.push(frame);
    }
    if (JSON.stringify(found) !== JSON.stringify([...new FrameDecoder().push(whole)])) t.fail(`size ${size}`);
    if (found.length !== 3) t.fail(`size ${size}: ${found.length} frames`);
  }
  t.pass('every chunk size');
  t.end();
});

test('history and log keep what they should', (t) => {
  const hub = new ConsoleHub();
  let all = Buffer.alloc(0);
  for (const length of [1, 70_000, 30_000, 65_536, 5, 200_000, 0, 17]) {
    const chunk = randomBytes(length);
    hub.received(chunk);
    all = Buffer.concat([all, chunk]);
    t.ok(hub.last(tailBytes).equals(all.subarray(-tailBytes)), `after ${all.length} bytes`);
  }
  t.ok(hub.last(10).equals(all.subarray(-10)));
  const path = join(home, 'rotating.raw');
  const log = new ConsoleLog(path, { failed: (error) => t.fail(String(error)), maxBytes: 1_000 });
  log.append(Buffer.alloc(600_000, 'a'));
  log.append(Buffer.from('tail'));
  log[Symbol.dispose]();
  t.ok(statSync(path).size + statSync(`${path}.1`).size <= 2 * 262_144, 'two files at most, each bounded');
  t.match(readFileSync(path, 'latin1'), /tail$/);
  t.end();
});

test('a reader that does not read neither stalls the board nor fills memory', async (t) => {
  const owner = await LocalSession.open(fakeBoard('slow'), { holder: thisHolder('test'), ...openOptions });
  await owner.capabilities.power?.on();
  const path = boardPlaces('slow', roots).socket;
  const socket = connect(path).on('error', () => {});
  socket.write(encodeMessage({ type: 'hello', protocol: 1, client: { ...thisHolder('sleeper') } }));
  await once(socket, 'data');
  socket.write(encodeMessage({ type: 'request', id: 1, op: 'console.subscribe', params: { id: 2 } }));
  await once(socket, 'data');
  socket.pause();
  let bytes = 0;
  let last = '';
  owner.console?.subscribe({
    data: (chunk) => {
      bytes += chunk.length;
      last = Buffer.from(chunk).subarray(-8).toString('latin1');
    },
    lost: () => {},
  });
  await owner.console?.write(Buffer.from('flood\n'));
  await until('the flood is over', () => bytes >= 40_000_000 && last.endsWith('flooded\n'));
  const decoder = new FrameDecoder();
  let received = 0;
  let missed = 0;
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    for (const frame of decoder.push(chunk)) {
      if (frame.kind === 'bytes') {
        received += frame.bytes.length;
        text = (text + frame.bytes.toString('latin1')).slice(-100);
      } else missed += Number((frame.message as { missedBytes?: number }).missedBytes ?? 0);
    }
  });
  socket.resume();
  await until('the newest text arrives', () => text.endsWith('flooded\n'));
  // What was held for it comes now: 1 MiB here, and what the kernel's socket buffers took.
  t.ok(received < 4_000_000, `of ${bytes} bytes only ${received} were held`);
  t.equal(missed + received, bytes, 'gap and bytes together are all there was');
  socket.destroy();
  await owner[Symbol.asyncDispose]();
});

test('the owner killed: attached clients know, the board is off, the next start is clean', async (t) => {
  const owner = actor('own', 'killed', 'exclusive');
  t.equal(await owner.says(), 'ready');
  const pid = pidOf('killed');
  const onlooker = await attach('killed');
  t.equal(
    await code(Promise.resolve(onlooker.capabilities.power?.off())),
    'session.busy',
    'a run has its own board',
  );
  const busy = await openSession(fakeBoard('killed'), {
    ...openOptions,
    purpose: 'x',
    exclusive: true,
  }).catch((error: RigError) => error);
  t.match(busy, { code: 'session.busy', message: /rig run boot/ });
  const waits: unknown[] = [];
  const waiting = openSession(fakeBoard('killed'), {
    ...openOptions,
    purpose: 'rig run later',
    exclusive: true,
    wait: true,
    onWait: (holder) => waits.push(holder?.command),
  });
  await until('it waits', () => waits.length > 0);
  t.equal(waits[0], 'rig run boot');
  await owner.kill('SIGKILL');
  t.equal((await onlooker.ended).orderly, false);
  await until('its board died with it', () => !running(pid));
  const session = (await waiting) as LocalSession;
  t.equal(session.recovered?.pid, owner.child.pid, 'who waited has it, and knows of the crash');
  await session[Symbol.asyncDispose]();
  const other = fakeBoard('killed', { some: 'thing' });
  const again = await LocalSession.open(fakeBoard('killed'), { holder: thisHolder('test'), ...openOptions });
  t.equal(again.recovered, undefined);
  t.equal(await code(openSession(other, { ...openOptions, purpose: 'x' })), 'session.other-definition');
  await again[Symbol.asyncDispose]();
});

test('a background session', async (t) => {
  const start = (board: ReturnType<typeof fakeBoard>, idleMs = 60_000) =>
    startDaemon(board, { entry: actors, command: 'rig up', idleMs, roots });
  const failed = await start(fakeBoard('back', { open: 'fails' })).catch((error: RigError) => error);
  t.match(
    failed,
    { code: 'fake.missing', blame: 'config', message: /no such adapter/ },
    'errors come as they are',
  );
  t.notOk(existsSync(boardPlaces('back', roots).socket));
  const { pid } = await start(fakeBoard('back'));
  t.equal(await code(start(fakeBoard('back'))), 'session.busy');
  const session = await attach('back', 'rig power');
  await session.capabilities.power?.on();
  const device = pidOf('back');
  t.match(await session.info(), { kind: 'background', holder: { pid, command: 'rig up' }, idleMs: 60_000 });
  const end = await session.stop();
  t.ok(end.orderly, end.error.message);
  await until('the process ended', () => !running(pid));
  t.notOk(running(device));
  t.equal(await attachSession('back', { purpose: 'x', roots }), undefined);

  await start(fakeBoard('back', { off: 'slow' }));
  const last = await attach('back');
  await last.capabilities.power?.on();
  const stopping = last.stop();
  await until('it refuses', async () => (await code(last.info())) === 'session.ended');
  t.equal(
    await attachSession('back', { purpose: 'x', roots }),
    undefined,
    'a session that is just ending is waited for, and is none then',
  );
  t.ok((await stopping).orderly);

  const idle = await start(fakeBoard('back'), 300);
  const lone = await attach('back');
  await lone.capabilities.power?.on();
  const idleDevice = pidOf('back');
  await new Promise((resolve) => setTimeout(resolve, 900));
  t.ok(running(idle.pid), 'attached, it stays beyond the limit');
  await lone[Symbol.asyncDispose]();
  await until('idle, it ends', () => !running(idle.pid));
  t.notOk(running(idleDevice));

  const termed = await start(fakeBoard('back'));
  process.kill(termed.pid, 'SIGTERM');
  await until('SIGTERM ends it', () => !running(termed.pid));
  t.notOk(existsSync(boardPlaces('back', roots).holder), 'in good order');

  const abort = new AbortController();
  abort.abort(new Error('no more'));
  const called = startDaemon(fakeBoard('back'), {
    entry: actors,
    command: 'rig up',
    idleMs: 1_000,
    roots,
    signal: abort.signal,
  });
  await t.rejects(called, { message: 'no more' });
  writeFileSync(join(home, 'broken.mjs'), 'throw new Error("broken entry")');
  const dead = await startDaemon(fakeBoard('back'), {
    entry: join(home, 'broken.mjs'),
    command: 'rig up',
    idleMs: 1_000,
    roots,
  }).catch((error: RigError) => error);
  t.match(dead, { code: 'session.host-died' });
});

const rig = fileURLToPath(new URL('../rig/cli/main.js', import.meta.url));

/** A lab of one board: its console is a socket of this test, its power switch a file. */
async function makeLab(): Promise<{
  cwd: string;
  power: string;
  said: () => string;
  say(text: string): void;
}> {
  const cwd = mkdtempSync(join(home, 'lab-'));
  const power = join(cwd, 'power');
  writeFileSync(power, 'off\n');
  let heard = '';
  const lines = new Set<Socket>();
  const server = createServer((socket) => {
    lines.add(socket);
    socket.on('close', () => lines.delete(socket)).on('error', () => {});
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1');
      socket.write(`you said ${chunk.toString('latin1')}`);
    });
  });
  server.listen(join(cwd, 'uart'));
  server.unref();
  writeFileSync(
    join(cwd, 'bench.yaml'),
    'arch: arm64\ncapabilities: [power, console]\nsignatures: { prompt: { literal: "# " } }\n',
  );
  const command = (text: string): string => JSON.stringify(['sh', '-c', text]);
  writeFileSync(
    join(cwd, 'lab.yaml'),
    `boards:
  bench:
    type: ./bench.yaml
    drivers:
      console: { driver: console-tcp, socket: ${join(cwd, 'uart')}, connectTimeout: 300ms }
      power:
        driver: power-command
        on: ${command(`echo on > ${power}`)}
        off: ${command(`echo off > ${power}`)}
        state: ["cat", "${power}"]
`,
  );
  return {
    cwd,
    power,
    said: () => heard,
    say: (text) => {
      for (const line of lines) line.write(text);
    },
  };
}

async function command(
  cwd: string,
  args: readonly string[],
  input = '',
): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [rig, ...args], { cwd, stdio: 'pipe' });
  left.push(child);
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString('latin1');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString('latin1');
  });
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}

/** Runs `rig console` in a terminal of its own, between two looks at the terminal's settings. */
function terminal(cwd: string) {
  const script = `stty -g > before; sh -c 'echo $$ > pid; exec "$NODE" "$RIG" console bench'; echo $? > code; stty -g > after`;
  const child = spawn('script', ['-qfec', script, '/dev/null'], {
    cwd,
    env: { ...process.env, NODE: process.execPath, RIG: rig, SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  left.push(child);
  let shown = '';
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString('latin1');
  });
  const read = (file: string): string => readFileSync(join(cwd, file), 'utf8').trim();
  const ended = once(child, 'exit');
  return {
    shows: (text: string) => until(`"${text}" in the terminal`, () => shown.includes(text)),
    types: (text: string) => void child.stdin.write(text),
    pid: () => Number(read('pid')),
    end: async () => {
      await ended;
      return { code: read('code'), restored: read('before') === read('after'), shown };
    },
  };
}

test('the commands of a board, from up to down', async (t) => {
  const lab = await makeLab();
  const { cwd } = lab;
  const early: [string[], object][] = [
    [['up', 'bensh'], { code: 2, err: /bensh/ }],
    [['power', 'bench', 'state'], { code: 0, out: 'bench: no session\n' }],
    [['power', 'bench', 'cycle'], { code: 3, err: /no session.*rig up bench/s }],
    [['power', 'bench', 'fry'], { code: 2, err: /one of on, off/ }],
    [['ssh', 'bench', 'true'], { code: 3, err: /no session/ }],
    [['up', 'bench', '--idle', 'soon'], { code: 2, err: /"soon"/ }],
    [['logs', 'bench'], { code: 3, err: /no console log/ }],
  ];
  for (const [args, wanted] of early) t.match(await command(cwd, args), wanted, args.join(' '));

  const up = await command(cwd, ['up', 'bench']);
  t.match(up, { code: 0, out: /bench is up \(pid \d+.*\n {2}rig console bench/s, err: '' });
  t.equal(readFileSync(lab.power, 'utf8'), 'on\n');
  t.match(await command(cwd, ['up', 'bench']), { code: 0, out: /was up already/ });
  t.match(await command(cwd, ['power', 'bench', 'off']), { code: 0, out: 'bench: off\n' });
  t.match(await command(cwd, ['power', 'bench', 'state', '--json']), { out: /"power":"off"/ });
  t.match(await command(cwd, ['power', 'bench', 'cycle']), { code: 0, out: 'bench: on\n' });
  t.match(await command(cwd, ['power', 'bench', 'reset']), { code: 2, err: /has no reset/ });
  t.match(await command(cwd, ['console', 'bench'], 'one\n'), { code: 0, out: 'you said one\n', err: '' });
  lab.say('a\x1b[31mred\x1b]0;title\x07\n');
  await until('it is logged', async () => (await command(cwd, ['logs', 'bench'])).out.includes('red'));
  t.equal((await command(cwd, ['logs', 'bench'])).out, 'you said one\na\x1b[31mred\x1b]0;title\x07\n');

  const console = terminal(cwd);
  await console.shows('you said one\r\n');
  console.types('two\r');
  await console.shows('you said two\r');
  t.ok(lab.said().endsWith('two\r'), 'keys go to the board as they are');
  const session = await attach('bench', 'rig run boot');
  await session.takeLease();
  await console.shows('read-only: rig run boot');
  t.match(await command(cwd, ['down', 'bench']), {
    code: 3,
    err: /busy: rig run boot \(pid .*--wait.*--force/s,
  });
  t.match(await command(cwd, ['up', 'bench']), { code: 3, err: /busy: rig run boot/ });
  console.types('lost');
  t.match(await command(cwd, ['console', 'bench'], 'x'), { code: 3, err: /busy: rig run boot/ });
  await session[Symbol.asyncDispose]();
  await console.shows('you can type again');
  t.notMatch(lab.said(), /lost/, 'what is typed meanwhile does not reach the board');
  console.types('\x03three\x1dfour');
  await until('the last keys', () => lab.said().endsWith('\x03three'));
  const leaving = await console.end();
  t.match(leaving, { code: '0', restored: true }, 'Ctrl-] leaves, Ctrl-C is a key of the board');
  t.notMatch(leaving.shown, /ended/, 'leaving is not the end of the session');

  const killed = terminal(cwd);
  await killed.shows('three');
  process.kill(killed.pid(), 'SIGTERM');
  t.match(await killed.end(), { code: '143', restored: true }, 'a signal restores the terminal');
  const ended = terminal(cwd);
  await ended.shows('three');
  const onlooker = await attach('bench');
  const { clients } = await onlooker.info();
  const following = command(cwd, ['logs', 'bench', '-f']);
  await until('it follows', async () => (await onlooker.info()).clients > clients);
  t.match(await command(cwd, ['down', 'bench']), { code: 0, out: /is off/ });
  t.match(await ended.end(), { code: '0', restored: true, shown: /session of board "bench" ended/ });
  t.match(await following, { code: 0, out: /three/ });
  t.equal(readFileSync(lab.power, 'utf8'), 'off\n');
  t.match(await command(cwd, ['logs', 'bench']), { code: 0, out: /three/ }, 'the log outlives the session');

  await command(cwd, ['up', 'bench']);
  const broken = readFileSync(lab.power, 'utf8');
  rmSync(lab.power);
  t.match(
    await command(cwd, ['down', 'bench']),
    { code: 3, out: '', err: /Cannot read the power state/ },
    'a board that could not be powered off is not called off',
  );
  writeFileSync(lab.power, broken);

  // A background process that is killed leaves its board as it is: a real one cannot go with it.
  await command(cwd, ['up', 'bench']);
  const { holder } = await (await attach('bench')).info();
  process.kill(holder.pid, 'SIGKILL');
  await until('it is gone', () => !running(holder.pid));
  t.match(await command(cwd, ['down', 'bench']), { code: 0, out: /had died \(rig up \(pid/ });
  t.match(await command(cwd, ['down', 'bench']), { code: 0, out: 'bench has no session\n' });
  writeFileSync(
    join(cwd, 'lab.yaml'),
    readFileSync(join(cwd, 'lab.yaml'), 'utf8').replace('uart', 'nowhere'),
  );
  const bad = await command(cwd, ['up', 'bench']);
  t.equal(bad.code, 3, 'what fails in the background is told here');
  t.match(bad.err, /nowhere/);
  t.match(
    await command(cwd, ['power', 'bench', 'state']),
    { out: 'bench: no session\n' },
    'and leaves nothing',
  );
});

test('an error that quotes a board steers no terminal', async (t) => {
  let told = '';
  const io = {
    err: (text: string) => {
      told += text;
    },
    signal: new AbortController().signal,
  } as unknown as CommandIo;
  const error = new RigError('it said \x1b]0;title\x07\u009b2J', { code: 'a.b', blame: 'board', hint: 'h' });
  t.equal(reportError(error, { debug: true, io }), 1);
  t.notMatch(told, /[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
  t.match(told, 'it said');
});

test('what a suite leaves open does not keep the command from ending', async (t) => {
  const file = join(home, 'open.mjs');
  writeFileSync(
    file,
    `import { suite } from 'boardrig';
    setInterval(() => {}, 1_000);
    export default suite('open', { summary: 'leaves a timer' }, (test) => test('one', (t) => void t.ok(true)));`,
  );
  const args = [join(packageRoot, 'dist/rig/cli/main.js'), 'run', file, '--list', '--board', 'virt-arm64'];
  const ended = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  t.equal(ended.status, 0, ended.stderr);
  t.equal(ended.stdout, 'virt-arm64/open/one\n');
  t.match(ended.stderr, 'was left open');
});

test('nothing but text, newline and tab reaches a terminal', (t) => {
  const hostile =
    'ok\x1b[31mred\x1b]0;ti\x1b\\tle\x07\x9b1m\u009b2J\x1bcé\tx\r\n\x1b[6n\x1b]8;;http://x\x07\u202ek\x08\x00z\n';
  const bytes = Buffer.from(hostile);
  for (let size = 1; size <= bytes.length; size += 1) {
    const text = new PrintableText();
    let out = '';
    for (let from = 0; from < bytes.length; from += size) out += text.push(bytes.subarray(from, from + size));
    out += text.end();
    if (/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/.test(out)) t.fail(`size ${size}: ${JSON.stringify(out)}`);
    if (!out.includes('okred') || !out.includes('é\tx\n')) t.fail(`size ${size}: ${JSON.stringify(out)}`);
  }
  t.pass('at every chunk size');
  t.end();
});
