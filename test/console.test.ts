// Long because one process with all the ways a board can talk costs less than a file for each.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t, { type Test } from 'tap';
import type { BoardType } from '../rig/contracts/board.js';
import { RigError } from '../rig/contracts/errors.js';
import { ConsoleShell } from '../rig/core/console/console-shell.js';
import { ConsoleEngine } from '../rig/core/console/engine.js';
import type { ConsoleEvidence } from '../rig/core/console/evidence.js';
import type { ConsoleEngineOptions } from '../rig/core/console/options.js';
import { withoutKernelMessages } from '../rig/core/console/printk.js';
import { checkRegExp } from '../rig/pattern/safe-regexp.js';
import { patternOf } from '../rig/pattern/signature.js';
import { ConsoleLog } from '../rig/record/console-log.js';
import { SecretMask } from '../rig/record/secrets.js';

setFlagsFromString('--expose-gc');
t.setTimeout(300_000);

const signatures: BoardType['signatures'] = {
  firmware: { literal: 'U-Boot SPL' },
  bootloader: { literal: 'U-Boot 20' },
  kernel: { literal: '] Linux version ' },
  init: { regexp: '^init: started' },
  login: { regexp: 'login: $' },
  prompt: { regexp: '[#$] $' },
};
const sound: ConsoleEvidence = { power: 'on', lineOpen: true, lineProven: true };
const bytes = (text: string): Uint8Array => Buffer.from(text);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Bench {
  readonly engine: ConsoleEngine;
  readonly log: ConsoleLog;
  readonly path: string;
  readonly secrets: SecretMask;
  readonly epochs: { epoch: number; reason: string; offset: number }[];
  readonly pieces: { epoch: number; offset: number; length: number }[];
  readonly sightings: { epoch: number; name: string; offset: number; ms: number }[];
  readonly inputs: string[];
}

async function bench(
  test: Test,
  options: Partial<ConsoleEngineOptions> & { secretWords?: string[] } = {},
): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'console-test-'));
  const path = join(folder, 'board.raw');
  const log = await ConsoleLog.open(path);
  const secrets = new SecretMask(options.secretWords ?? []);
  const made = { epochs: [], pieces: [], sightings: [], inputs: [] } as unknown as Omit<Bench, 'engine'>;
  const engine = new ConsoleEngine({
    boardName: 'bench-board',
    signatures,
    write: async () => undefined,
    sendBreak: async () => undefined,
    log,
    secrets,
    clock: () => performance.now(),
    scale: 1,
    evidence: () => sound,
    onEpoch: (epoch) => made.epochs.push(epoch),
    onBytes: (piece) => made.pieces.push(piece),
    onSighting: (sighting) => made.sightings.push(sighting),
    onInput: ({ text }) => made.inputs.push(text),
    ...options,
  });
  test.teardown(async () => {
    engine[Symbol.dispose]();
    await log[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });
  return { ...made, engine, log, path, secrets };
}

/** The code of the RigError that `promise` rejects with, and the error. */
async function rejection(promise: Promise<unknown>): Promise<RigError> {
  const outcome = await promise.then(
    (value) => new Error(`resolved with ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  if (outcome instanceof RigError) return outcome;
  throw outcome;
}

/** A small generator of numbers below `limit`, the same for the same seed (mulberry32). */
function random(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * limit);
  };
}

t.test('a flood of 50 MB without newline from a socket: bounded memory, all of it logged', async (t) => {
  const total = 50 * 1024 * 1024;
  const { engine, log, path } = await bench(t);
  const folder = await mkdtemp(join(tmpdir(), 'console-flood-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const socket = join(folder, 's');
  const server = createServer((line) =>
    line.on('data', (chunk) => {
      engine.feed(chunk);
      fed += chunk.length;
      if (fed > (total / 8) * samples) {
        samples += 1;
        peak = Math.max(peak, used());
      }
    }),
  ).listen(socket);
  await new Promise((resolve) => server.once('listening', resolve));
  const collect = runInNewContext('gc') as () => void;
  const used = (): number => {
    collect();
    collect();
    const { heapUsed, external, arrayBuffers } = process.memoryUsage();
    return heapUsed + external + arrayBuffers;
  };
  let peak = 0;
  let samples = 1;
  engine.feed(bytes('start'));
  const before = used();
  let fed = 0;
  const wait = engine.expect(['never', /nor (this)/, 'the end\n'], { timeoutMs: 120_000 });
  const source = `const s=require('net').connect(process.argv[1]);const b=Buffer.alloc(65536,'x\\x1b[0my\\0z');let n=0;
    (function w(){for(;;){if(n>=${total})return s.end('the end\\n');n+=b.length;if(!s.write(b))return s.once('drain',w)}})()`;
  const child = spawn(process.execPath, ['-e', source, socket]);
  t.equal((await wait).index, 2);
  await log.flush();
  server.close();
  await new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve(0)));
  t.equal((await stat(path)).size, total + 5 + 8, 'every byte is in the log');
  t.ok(samples > 7);
  t.ok(peak - before < 8 * 1024 * 1024, `${Math.round((peak - before) / 1024)} KiB are held while it runs`);
  t.ok(engine.text().length <= 64 * 1024);
  // Plain bytes in one burst: more than the window and both batches of the log hold.
  const burst = Buffer.alloc(3 * 1024 * 1024, '0123456789');
  const offset = log.offset;
  engine.feed(burst);
  engine.feed(bytes('burst end'));
  t.equal((await engine.expect('burst end')).start, offset + burst.length);
  await log.flush();
  t.ok(
    (await readFile(path)).subarray(offset, offset + burst.length).equals(burst),
    'the log holds the burst',
  );
});

t.test('regular expressions that can explode are refused, ordinary ones are not', async (t) => {
  const sane = [
    /login: $/,
    /eth\d+: (\S+)/,
    /^.*ready.*$/,
    /.*error.*disk/,
    /\[ *(\d+\.\d+)\] .*/,
    /(?:\d+\.){3}\d+/,
    /([a-z]+,)*end/,
    /(\S+)\s+(\S+)\s+(\S+)/,
    /inet (\d{1,3}(?:\.\d{1,3}){3})\/(\d+)/,
    /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i,
    /^root@[\w-]+:.*[#$] $/,
    /(?:[0-9a-f]{2}:){5}[0-9a-f]{2}/,
    /error: (.*): (.*)$/,
    /a.*b.*c/,
    /(foo|bar)+/,
    /(?<name>\w+) (?=x)[^\]\n]+\x41\u0042/u,
  ];
  for (const one of sane) t.equal(checkRegExp(one.source, one.flags), undefined, `accepts ${one}`);
  const explosive = [
    /(a+)+b/,
    /(a*)*b/,
    /(a|a)*b/,
    /(\s*\w+)*x/,
    /(\w+\s?)*$/,
    /(a)\1/,
    /(?<q>a)\k<q>/,
    /\d+.*\d+.*ok/,
    /(x+x+)+y/,
    /(a|ab|b)*c/,
    /(?:a?){25}a{25}/,
    /(a|a){25}b/,
    /(?=(a+)+b)c/,
    /(A|a)*z/i,
  ];
  for (const one of explosive) t.type(checkRegExp(one.source, one.flags), 'string', `refuses ${one}`);
  const { engine } = await bench(t);
  const refused = await rejection(engine.expect(/(a+)+b/));
  t.match({ code: refused.code, blame: refused.blame }, { code: 'pattern.explosive', blame: 'suite' });
  t.throws(() => patternOf({ regexp: '(a+)+b' }), { code: 'pattern.explosive', blame: 'config' });
  t.throws(() => patternOf({ regexp: '(a' }), { code: 'pattern.invalid', blame: 'config' });
});

t.test('random chunks give the same matches as a naive reference, with true offsets', async (t) => {
  const words = [
    'login: ',
    'ready',
    'eth0: up',
    '\r\n',
    '\n',
    'x',
    '\x1b[1;32m',
    '\x1b]0;title\x07',
    '\0',
    'é',
    '\r',
    '\b',
  ];
  const patterns = ['ready', 'login: x', /eth(\d): (\w+)$/, 'é\n'] as const;
  let matching = 0;
  for (let seed = 1; seed <= 150; seed += 1) {
    const next = random(seed);
    let raw = '';
    for (let i = next(60) + 5; i > 0; i -= 1) raw += words[next(words.length)];
    raw += '\nend\n';
    const stream = Buffer.from(raw);
    const wanted = reference(stream, patterns);
    // Its time stands still: no line rests, however busy this machine is.
    const { engine } = await bench(t, { clock: () => 0 });
    if (wanted.length > 0) matching += 1;
    const found: { index: number; start: number; end: number }[] = [];
    const reader = (async () => {
      for (;;) {
        const { index, start, end } = await engine.expect([...patterns, 'end\n']);
        if (index === patterns.length) return;
        found.push({ index, start, end });
      }
    })();
    for (let at = 0; at < stream.length; ) {
      const size = 1 + next(seed % 3 === 0 ? 1 : 40);
      engine.feed(stream.subarray(at, at + size));
      at += size;
      if (next(2) === 0) await turn();
    }
    await reader;
    if (!t.strictSame(found, wanted, `seed ${seed}`)) break;
  }
  t.ok(matching > 120, `${matching} of the texts hold something to match`);
});

/** Cleans the whole text with simple replacements and looks at each position in turn: what the engine must find at any chunk borders. */
function reference(
  stream: Buffer,
  patterns: readonly (string | RegExp)[],
): { index: number; start: number; end: number }[] {
  const cells: { char: string; raw: number }[] = [];
  const text = stream.toString('latin1');
  const token = /\x1b\[[\d;]*m|\x1b\][^\x07]*\x07|(\r+(?:[\0\b])*)+\n|\r|[\0\b]|[\s\S]/g;
  for (let part = token.exec(text); part; part = token.exec(text)) {
    if (part[0].endsWith('\n') && part[0].length > 1)
      cells.push({ char: '\n', raw: part.index + part[0].length - 1 });
    else if (part[0] === '\r') {
      // CRs with nothing visible between them are one line end, at the last of them.
      const rest = /^\r(?:[\0\b]*\r)*/.exec(text.slice(part.index))?.[0] ?? '\r';
      token.lastIndex = part.index + rest.length;
      cells.push({ char: '\n', raw: part.index + rest.length - 1 });
    } else if (!/^[\x1b\0\b]/.test(part[0])) cells.push({ char: part[0], raw: part.index });
  }
  const clean = cells.map(({ char }) => char).join('');
  const found: { index: number; start: number; end: number }[] = [];
  let from = 0;
  for (let end = 0; end <= clean.length; end += 1) {
    let best: { index: number; start: number; end: number } | undefined;
    for (const [index, pattern] of patterns.entries()) {
      if (typeof pattern === 'string') {
        const needle = Buffer.from(pattern).toString('latin1');
        const start = end - needle.length;
        if (start < from || clean.slice(start, end) !== needle) continue;
        if (!best || start < best.start) best = { index, start, end };
      } else if (clean[end - 1] === '\n' && end > from) {
        const lineStart = clean.lastIndexOf('\n', end - 2) + 1;
        const search = new RegExp(pattern.source, 'g');
        search.lastIndex = Math.max(0, from - lineStart);
        const hit = search.exec(clean.slice(lineStart, end - 1));
        if (hit && !best)
          best = { index, start: lineStart + hit.index, end: lineStart + hit.index + hit[0].length };
      }
    }
    if (!best) continue;
    found.push({
      index: best.index,
      start: cells[best.start]?.raw ?? -1,
      end: (cells[best.end - 1]?.raw ?? -2) + 1,
    });
    from = best.end;
  }
  return found;
}

t.test('what a terminal would not show does not stand in the way of a match', async (t) => {
  const { engine } = await bench(t);
  for (const byte of bytes('a\x1b[1;3')) engine.feed(Uint8Array.of(byte));
  engine.feed(bytes('1mb\0c\x1b(B\x1b]3008;start=42\x1b\\d'));
  t.equal((await engine.expect('abcd')).start, 0, 'sequences split over chunks, NUL');
  engine.feed(bytes('\x1b]0;never ended login: '));
  t.ok(await engine.expect(/login: $/, { timeoutMs: 20_000 }), 'a prompt in an unfinished string sequence');
  engine.feed(bytes(`\x1b[${'9'.repeat(500)}`));
  engine.feed(Buffer.from([0xff, 0xfe, 0x80, 0x9b, 0x00, 0x1b, 0xff, 0xc3]));
  engine.feed(bytes('after garbage\n'));
  t.equal((await engine.expect(/after (\w+)/)).groups[0], 'garbage', 'binary garbage and invalid UTF-8');
  engine.feed(bytes('temp 21 °C ok\r\n'));
  const match = await engine.expect(/(\d+) °C/);
  t.equal(match.groups[0], '21', 'UTF-8 in a line');
  t.equal(match.end - match.start, Buffer.byteLength('21 °C'), 'offsets are bytes');
  engine.feed(bytes('10%\r20%\r\x1b[Kdone\r\n'));
  t.equal((await engine.expect(/^20%$/)).text, '20%', 'a CR alone ends a line');
  t.equal((await rejection(engine.expect('\x1b[0m'))).code, 'console.bad-pattern');
});

t.test('waits: marks, order, a prompt without newline, abort, time-out', async (t) => {
  const { engine } = await bench(t);
  engine.feed(bytes('one two\n'));
  const mark = engine.mark();
  engine.feed(bytes('two three '));
  t.equal((await engine.expect('two', { since: mark })).start, mark.offset, 'since a mark');
  engine.feed(bytes('\nfirst a then b\n'));
  t.equal(
    (await engine.expect(['b', 'a'])).index,
    1,
    'the first in the text wins, not the first in the list',
  );
  t.equal((await engine.expect(['a', 'b'])).index, 1, 'the next wait begins where the last match ended');
  engine.feed(bytes('\nboard login: '));
  t.equal(
    (await engine.expect(/^\w+ login: $/, { timeoutMs: 20_000 })).text,
    'board login: ',
    'a prompt that rests',
  );
  t.match(engine.text(mark), 'two three', 'text since a mark');
  const abort = new AbortController();
  const waiting = engine.expect('never', { signal: abort.signal });
  abort.abort(new Error('the test is over'));
  await t.rejects(waiting, { message: 'the test is over' });
  await t.rejects(engine.expect('never', { signal: abort.signal }), { message: 'the test is over' });
  engine.feed(bytes('odd \x01\x1b]x\x07 bytes\n'));
  const error = await rejection(engine.expect(['login2:', /x\d/], { timeoutMs: 40 }));
  t.match(
    error.message,
    /^Cannot match "login2:" or \/x\\d\/ on the console of bench-board within 40 ms\.\nIts last lines:\n/,
  );
  t.match(error.message, '  board login: odd  bytes');
  t.match({ code: error.code, blame: error.blame }, { code: 'console.timeout', blame: 'board' });
  engine[Symbol.dispose]();
  t.equal((await rejection(engine.expect('x'))).code, 'console.closed');
});

t.test('a time-out blames the board only when the rig is proven sound', async (t) => {
  const cases: [evidence: ConsoleEvidence | 'silence' | 'throws', fed: string, blame: string][] = [
    [sound, 'hello\n', 'board'],
    [sound, '', 'board'],
    [{ ...sound, lineProven: false }, '', 'rig'],
    [{ ...sound, power: 'unknown' }, '', 'rig'],
    [{ ...sound, power: 'unknown' }, 'hello\n', 'board'],
    [{ ...sound, power: 'off' }, 'hello\n', 'rig'],
    [{ ...sound, lineOpen: false }, 'hello\n', 'rig'],
    ['throws', 'hello\n', 'rig'],
  ];
  for (const [evidence, fed, blame] of cases) {
    const { engine } = await bench(t, {
      evidence: async () => {
        if (typeof evidence === 'string') throw new Error('no answer');
        return evidence;
      },
    });
    engine.feed(bytes(fed));
    t.equal(
      (await rejection(engine.expect('never', { timeoutMs: 5 }))).blame,
      blame,
      JSON.stringify([evidence, fed]),
    );
  }
  const { engine } = await bench(t);
  engine.feed(bytes('hello\n'));
  const starved = engine.expect('never', { timeoutMs: 5 });
  const until = performance.now() + 2_300;
  while (performance.now() < until);
  t.equal((await rejection(starved)).blame, 'rig', 'this process was starved');
});

t.test('epochs: bytes of an earlier one never match; a wait goes on in the next', async (t) => {
  const { engine, epochs, pieces, log } = await bench(t);
  engine.feed(bytes('login: old'));
  const mark = engine.mark();
  const bound = engine.expect('login:', { since: mark });
  engine.openEpoch('power-on');
  t.equal((await rejection(bound)).code, 'console.epoch-over');
  t.equal((await rejection(engine.expect('x', { since: mark }))).code, 'console.epoch-over');
  const free = engine.expect('login: ');
  engine.feed(bytes('log'));
  engine.openEpoch('reset');
  engine.feed(bytes('in: half\nlogin: new'));
  t.equal((await free).start, 22, 'the match is not made of two epochs');
  t.equal(engine.text(), 'in: half\nlogin: new');
  t.strictSame(epochs, [
    { epoch: 1, reason: 'power-on', offset: 10 },
    { epoch: 2, reason: 'reset', offset: 13 },
  ]);
  engine[Symbol.dispose]();
  let next = 0;
  for (const { offset, length } of pieces) {
    t.equal(offset, next, 'progress has no gap');
    next += length;
  }
  t.equal(next, log.offset);
  t.strictSame(
    pieces.map(({ epoch }) => epoch),
    [0, 1, 2],
  );
});

t.test('stages are seen once each with their place, and a kernel seen again is a reset', async (t) => {
  const boot =
    'U-Boot SPL 1\r\nU-Boot 2023.01\r\n[    0.000000] Linux version 6.1\r\ninit: started\r\nboard login: ';
  const { engine, sightings, epochs } = await bench(t);
  engine.openEpoch('power-on');
  for (const byte of bytes(boot)) engine.feed(Uint8Array.of(byte));
  await engine.expect(/login: $/);
  await turn();
  t.strictSame(
    sightings.map(({ name, offset }) => [name, offset]),
    [
      ['firmware', 0],
      ['bootloader', boot.indexOf('U-Boot 20')],
      ['kernel', boot.indexOf('] Linux')],
      ['init', boot.indexOf('init:')],
      ['login', boot.indexOf('login:')],
    ],
  );
  const waiting = engine.expect('U-Boot 2024');
  engine.feed(bytes(`\r\nlast words\r\n${boot}`));
  const error = await rejection(waiting);
  t.match({ code: error.code, blame: error.blame }, { code: 'console.unexpected-reset', blame: 'board' });
  t.match(error.message, 'last words');
  t.ok(error.message.endsWith('last words'), 'the new boot is not among the last lines before it');
  t.equal(epochs.length, 2);
  t.equal(epochs[1]?.offset, boot.length + 14, 'the new epoch begins with the line of its signature');
  t.equal((await engine.expect('U-Boot 2023')).start, boot.length + 14 + 14, 'what followed belongs to it');
  engine.resetReported();
  t.equal(engine.epoch, 2, 'the device reports the same reset');
  const told = engine.expect('zzz');
  engine.resetReported();
  t.equal((await rejection(told)).code, 'console.unexpected-reset', 'a second report is another reset');
  engine.feed(bytes(boot));
  const value = await engine.expectReset(async () => {
    const inside = engine.expect('second life');
    engine.feed(bytes(`\n${boot}\nsecond life`));
    await inside;
    return 7;
  });
  t.equal(value, 7, 'an expected reset fails nobody');
  const none = await rejection(engine.expectReset(async () => 1, { timeoutMs: 10 }));
  t.equal(none.code, 'console.no-reset');
});

t.test('a panic fails every wait at once, except inside expectPanic', async (t) => {
  const lines = [
    '[   12.345678] Kernel panic - not syncing: VFS: Unable to mount root fs',
    'Kernel panic - not syncing: Attempted to kill init!',
    '[    1.000001][    T1] Unable to handle kernel NULL pointer dereference at virtual address 0',
    '[    1.000001] Internal error: Oops: 0000000096000004 [#1] SMP',
    '[    1.000001] BUG: kernel NULL pointer dereference, address: 0000000000000000',
    '[    1.000001] kernel BUG at fs/ext4/inode.c:1!',
    '[    1.000001] Oops: 0002 [#1] PREEMPT SMP',
  ];
  for (const line of lines) {
    for (const size of [1, 1000]) {
      const { engine } = await bench(t);
      engine.openEpoch('power-on');
      const waits = [engine.expect('never'), engine.expect(/never/)].map(rejection);
      let settled = 0;
      for (const wait of waits)
        void wait.then(() => {
          settled += 1;
        });
      const text = bytes(`context\r\n${line}\r\n`);
      for (let at = 0; at < text.length; at += size) engine.feed(text.subarray(at, at + size));
      await turn();
      t.equal(settled, 2, 'both waits ended in the same turn of the event loop');
      const [error] = await Promise.all(waits);
      t.match({ code: error?.code, blame: error?.blame }, { code: 'console.panic', blame: 'board' });
      t.match(error?.message, /context\n {2}/);
      t.equal((await rejection(engine.expect('x'))).code, 'console.panic', 'later waits too');
      engine.openEpoch('power-on');
      engine.feed(bytes('x'));
      t.ok(await engine.expect('x'), 'until the next epoch');
    }
  }
  const innocent = [
    '# echo "Kernel panic - not syncing"',
    '[    1.0] usb: Internal error: none',
    '[    1.000001] Internal error: just words',
    'traps: a[1] general protection fault ip:1',
  ];
  const { engine } = await bench(t);
  engine.feed(bytes(`${innocent.join('\r\n')}\r\nstill here`));
  t.ok(await engine.expect('still here'), 'words alone are no panic');
  const answer = await engine.expectPanic(async () => {
    const inside = engine.expect('Rebooting in');
    engine.feed(bytes(`\r\n${lines[0]}\r\nRebooting in 1 s`));
    return (await inside).text;
  });
  t.equal(answer, 'Rebooting in');
  const none = await rejection(engine.expectPanic(async () => 1, { timeoutMs: 10 }));
  t.match({ code: none.code, blame: none.blame }, { code: 'console.no-panic', blame: 'board' });
  const partial = rejection(engine.expect('never'));
  engine.feed(bytes('\r\n[    2.000000] Kernel panic - not syncing: no newline'));
  t.equal((await partial).code, 'console.panic', 'a panic line that is never ended');
});

t.test('a lost line fails every wait with its cause', async (t) => {
  const { engine } = await bench(t);
  const lost = new RigError('The adapter is gone', {
    code: 'console.lost',
    blame: 'rig',
    hint: 'Plug it in.',
  });
  const waits = [
    engine.expect('a'),
    engine.expect(/b/),
    engine.expectReset(async () => 1),
    engine.expectPanic(async () => 1),
  ];
  await turn();
  engine.fail(lost);
  for (const wait of waits) t.equal(await rejection(wait), lost);
  t.equal(await rejection(engine.expect('a')), lost, 'later waits fail at once');
  engine.recover();
  engine.feed(bytes('a'));
  t.ok(await engine.expect('a'));
});

t.test('secrets reach neither the log nor a message, and a prompt never hangs on one', async (t) => {
  const secret = 'hunter2-and-more';
  const encoded = Buffer.from(`user:${secret}`).toString('base64');
  const text = `password ${secret}!\r\n${encoded}\r\n${encodeURIComponent('a/b c')} huntsman hunt hunter2-and-mor\r\n`;
  for (let seed = 1; seed <= 40; seed += 1) {
    const next = random(seed);
    const { engine, log, path } = await bench(t, { secretWords: [secret, 'a/b c', 'abc'] });
    const stream = bytes(text);
    for (let at = 0; at < stream.length; ) {
      const size = 1 + next(7);
      engine.feed(stream.subarray(at, at + size));
      at += size;
    }
    engine.feed(bytes(`tell ${secret.slice(0, 5)}`));
    t.equal(
      (await engine.expect('tell hunte')).text,
      'tell hunte',
      'the beginning of a secret is matched at once',
    );
    t.notMatch((await rejection(engine.expect('never', { timeoutMs: 1 }))).message, secret);
    t.notMatch(engine.text(), secret);
    engine[Symbol.dispose]();
    await log.flush();
    const written = await readFile(path, 'utf8');
    t.equal(written.length, text.length + 10);
    t.notMatch(written, /hunter2-and-more|a%2Fb%20c/);
    t.notMatch(Buffer.from(written.split('\r\n')[1] ?? '', 'base64').toString('latin1'), 'hunter2-and');
    if (!t.match(written, 'huntsman hunt hunter2-and-mor\r\ntell hunte', 'what is no secret stays')) break;
  }
  const mask = new SecretMask(['topsecret', 'secretword']);
  const stream = mask.stream();
  const out = [
    stream.push(bytes('x topsecretwo')),
    stream.flush(),
    stream.push(bytes('rd y')),
    stream.flush(),
  ];
  t.equal(Buffer.concat(out).toString(), 'x *********wo** y', 'a rest that comes after a flush is masked');
  t.strictSame(mask.maskJson({ a: ['is topsecret', 1, null], topsecret: true }), {
    a: ['is *********', 1, null],
    '*********': true,
  });
});

t.test('a full disk is said once, clearly', async (t) => {
  const said: RigError[] = [];
  const log = await ConsoleLog.open('/dev/full', { onError: (error) => said.push(error) });
  for (let i = 0; i < 40; i += 1) log.append(Buffer.alloc(64 * 1024));
  const error = await rejection(log.flush());
  t.match({ code: error.code, blame: error.blame }, { code: 'record.disk-full', blame: 'rig' });
  t.equal(log.offset, 40 * 64 * 1024);
  t.equal(said.length, 1);
  await t.rejects(log[Symbol.asyncDispose]());
});

/** A real shell on a real pseudo-terminal, as util-linux's `script` makes it. */
async function shellBench(
  t: Test,
  command: string,
  options: Partial<ConsoleEngineOptions> & {
    login?: BoardType['login'];
    garble?: (chunk: Buffer) => Buffer;
  } = {},
): Promise<Bench & { shell: ConsoleShell; child: ChildProcess; typed: string[] }> {
  const typed: string[] = [];
  const env = { PATH: process.env.PATH, PS1: '# ', TERM: 'dumb', HOME: '/tmp' };
  const child = spawn('script', ['-qfc', command, '/dev/null'], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const write = async (bytes: Uint8Array): Promise<void> => {
    typed.push(Buffer.from(bytes).toString());
    child.stdin.write(bytes);
  };
  const made = await bench(t, { write, ...options });
  child.stdout.on('data', (chunk: Buffer) => made.engine.feed(chunk));
  t.teardown(async () => {
    const exit = new Promise((resolve) =>
      child.exitCode === null ? child.once('exit', resolve) : resolve(0),
    );
    child.kill('SIGKILL');
    await exit;
  });
  made.engine.openEpoch('power-on');
  const access = { name: 'bench-board', signatures, login: options.login };
  const shell = new ConsoleShell({ engine: made.engine, access: access as BoardType });
  return { ...made, shell, child, typed };
}

t.test('the shell over the console gives exact output and exit codes', async (t) => {
  for (const command of ['sh -i', 'stty cols 40; bash --norc --noprofile -i', 'stty -echo; sh -i']) {
    const { shell, typed, engine } = await shellBench(t, command);
    await shell.ready();
    const before = typed.length;
    t.strictSame(
      await shell.run('printf "no newline"; exit 3'),
      { exitCode: 3, stdout: 'no newline', stderr: '' },
      command,
    );
    t.equal(typed.length, before + 1, 'one write a command');
    t.equal((await shell.run('echo a; echo b >&2; printf "\\r\\n\\n"')).stdout, 'a\nb\n\r\n\n');
    t.equal((await shell.run('if')).exitCode, 2, 'a syntax error is a result');
    const quoted = `echo 'a b'"c'd" $# [$1] é '\\n' # no`;
    t.equal((await shell.run(quoted)).stdout.split(' é ')[0], "a bc'd 0 []", 'quotes and arguments');
    t.equal((await shell.run('printf "x\ty"\nprintf "<%s>" "two\nlines"')).stdout, 'x\ty<two\nlines>');
    t.equal((await shell.run('cat; echo end')).stdout, 'end\n', 'standard input is empty');
    t.equal((await shell.run('printf "\\377\\001\\033[31m"')).stdout, '\ufffd\x01\x1b[31m');
    const long = `echo ${'word '.repeat(1200)}| wc -c`;
    t.equal((await shell.text(long)).trim(), '6000', 'a command longer than a terminal takes');
    t.equal((await shell.run('seq 20000')).stdout.length, 108_894);
    t.strictSame(
      await Promise.all([1, 2, 3].map((n) => shell.text(`echo ${n}`))),
      ['1', '2', '3'],
      'in turn',
    );
    t.equal(
      ((await shell.run('true\0').catch((error: RigError) => error)) as unknown as RigError).code,
      'shell.bad-command',
    );
    const failed = await rejection(shell.text('echo why; false'));
    t.match(failed.message, /exit code 1: why/);
    t.equal(engine.epoch, 1);
  }
});

t.test('kernel messages in the output neither break the frame nor pass as output', async (t) => {
  const { shell, engine } = await shellBench(t, 'sh -i');
  const uptime = Number((await shell.text('cat /proc/uptime')).split(' ')[0]);
  const live = (n: number): string =>
    `[${(uptime + 5 + n / 1000).toFixed(6).padStart(12)}] usb 1-1: message ${n}`;
  const kernel = (n: number): string => `printf '${live(n)}\\r\\n' >/dev/tty`;
  t.equal((await shell.run(`echo one; ${kernel(1)}; echo two`)).stdout, 'one\ntwo\n', 'between lines');
  t.equal(
    (await shell.run(`printf hel; ${kernel(2)}; printf lo; ${kernel(3)}`)).stdout,
    'hello',
    'inside a line',
  );
  const old = '[    1.000000] Linux version 6.1\n[    2.000000] Kernel panic - not syncing: old';
  t.equal(
    await shell.text(`printf '${old.replace('\n', '\\n')}'`),
    old,
    'an old log that a command prints stays',
  );
  t.equal(engine.epoch, 1, 'and is neither a reset nor a panic');
  const both = live(4);
  t.equal(
    (await shell.run(`echo x; ${kernel(4)}; echo '${both}'`)).stdout,
    `x\n${both}\n`,
    'printed live and by the command',
  );
  t.equal(
    withoutKernelMessages(`he[    9.500000][    T1] a\r\nllo\n[    3.000000] b\n`, {
      uptimeSeconds: 9,
      lastStampSeconds: 4,
    }),
    'hello\n[    3.000000] b\n',
  );
  // Inside both markers: the shell's own words are split by a second writer on the same terminal.
  const split = await shellBench(t, 'sh -i');
  await split.shell.ready();
  const feed = split.engine.feed.bind(split.engine);
  let count = 10;
  split.child.stdout?.removeAllListeners('data');
  split.child.stdout?.on('data', (chunk: Buffer) => {
    const text = chunk.toString('latin1').replace(/([<[][0-9A-Za-z]{5})([0-9A-Za-z]{3} )/g, (_all, a, b) => {
      count += 1;
      return `${a}${live(count)}\r\n${b}`;
    });
    feed(Buffer.from(text, 'latin1'));
  });
  t.equal((await split.shell.run('echo "in between"; exit 4', { timeoutMs: 20_000 })).stdout, 'in between\n');
  t.ok(count >= 12, 'both markers were split');
});

t.test('a real panic inside a command fails it soon', async (t) => {
  const { shell } = await shellBench(t, 'sh -i');
  await shell.ready();
  const error = await rejection(
    shell.run("echo '[   99.000000] Kernel panic - not syncing: real'; sleep 60", { timeoutMs: 50_000 }),
  );
  t.equal(error.code, 'console.panic');
});

t.test('a hung command ends in a time-out, and the next one works', async (t) => {
  const { shell } = await shellBench(t, 'sh -i');
  await shell.ready();
  const error = await rejection(shell.run('echo begun; sleep 300', { timeoutMs: 300 }));
  t.match({ code: error.code, blame: error.blame }, { code: 'shell.timeout', blame: 'board' });
  t.match(error.message, 'sleep 300');
  t.equal(await shell.text('echo next'), 'next');
  const abort = new AbortController();
  const hung = shell.run('sleep 300', { signal: abort.signal });
  setTimeout(() => abort.abort(new Error('enough')), 100);
  await t.rejects(hung, { message: 'enough' });
  t.equal(await shell.text('echo again'), 'again');
});

t.test('a BREAK is told where it stands among what was typed', async (t) => {
  const order: string[] = [];
  const { engine, inputs } = await bench(t, {
    write: async (bytes) => void order.push(Buffer.from(bytes).toString()),
    sendBreak: async () => void order.push('a break'),
  });
  await engine.sendBreak();
  await engine.send('h');
  t.same(order, ['a break', 'h']);
  t.same(inputs, ['<BREAK>', 'h']);
});

t.test('logging in: password kept out of the record, early input lost, refusal, no prompt', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'console-login-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const getty = join(folder, 'getty.sh');
  await writeFile(
    getty,
    `printf 'U-Boot 2023\\r\\nboard login: '; read u; stty -echo; printf 'Password: '; read p; stty echo; echo
     if [ "$u/$p" != 'root/pass word' ]; then printf 'Login incorrect\\nboard login: '; sleep 60; fi
     printf '# '; sleep 0.7; perl -MPOSIX -e 'tcflush(0, TCIFLUSH)'; exec sh -i`,
  );
  const login = { user: 'root', password: 'pass word' };
  const good = await shellBench(t, `sh ${getty}`, { login });
  t.equal(await good.shell.text('echo in', { timeoutMs: 60_000 }), 'in', 'after input that was lost');
  t.notMatch(good.inputs.join(''), 'pass word');
  t.match(good.inputs.join(''), 'root\n*********\n');
  const bad = await shellBench(t, `sh ${getty}`, { login: { user: 'root', password: 'wrong' } });
  t.match(await rejection(bad.shell.ready()), { code: 'shell.login-refused', blame: 'config' });
  const quiet = await shellBench(t, `printf 'Hit any key to stop autoboot'; sleep 60`);
  const silent = await rejection(quiet.shell.ready({ timeoutMs: 400 }));
  t.equal(silent.code, 'console.timeout');
  t.strictSame(quiet.typed, [], 'nothing is typed before a prompt was seen');
  const none = new ConsoleShell({ engine: quiet.engine, access: { name: 'mute', signatures: {} } });
  t.equal((await rejection(none.run('true'))).code, 'shell.no-console-shell');
});
