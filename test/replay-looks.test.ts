// test: light
// What a body reads past console and shells, randomness, and records that something is wrong with. Long because each kind of record
// is made by a real run first.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { describeReplayed } from '../rig/cli/replay-text.js';
import type { RigEvent } from '../rig/contracts/events.js';
import type { TestBody } from '../rig/contracts/suite.js';
import type { ReplayedTest } from '../rig/core/replay/replay-run.js';
import { SeededRandom } from '../rig/core/runner/random.js';
import { png } from './fakes/png.js';
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
} from './replay/support.js';

const script: DeviceScript = {
  boot: ['U-Boot\r\n', 'Linux version 6\r\n', 'Started: app 1.5\r\n', '# '],
  answer: (command) => {
    const [, url] = /^fetch (.*)$/.exec(command) ?? [];
    if (url) void fetch(url).then((response) => response.text());
    return command === 'hang' ? 'cut' : `ran ${command}\n`;
  },
  reply: (line) =>
    line.startsWith('crash')
      ? 'crash\r\nKernel panic - not syncing: scripted\r\n'
      : line.replace('\n', '\r\n'),
};

const board = consoleBoard('b1', { network: true });
const one =
  (body: TestBody, options = {}): Define =>
  (test) =>
    test('one', options, body);
const asNetworkBoard = { board: () => board };

t.test('whatever a body reads from the rig or through it comes from the record', async (t) => {
  const network: DeviceScript['network'] = {
    // As a switch that does not switch: the test is to fail then, and again.
    linkState: () => 'up',
    endpoint: (port) => ({ host: '127.0.0.1', port: 40_000 + port }),
  };
  let looked = 0;
  const big = 'y'.repeat(100_000);
  const display = (): Buffer => png([[1, 2, 3, ++looked, 5, 6]]);
  const define: Define = (test) => {
    test('reads', { deadlineMs: 10_000 }, async (t) => {
      t.same(await t.board.endpoint(80), { host: '127.0.0.1', port: 40_080 });
      t.equal(await t.board.hostAddress(), '127.0.0.1');
      t.equal(await t.board.power.state(), 'on');
      t.ok(t.board.has('address') && !t.board.has('storage'));
      const seen = await t.host.observe('a meter', async () => ({ volts: 3.3 + looked++, big }));
      t.same(seen, { volts: 3.3, big });
      t.equal(await t.host.observe('nothing', async () => void looked++), undefined);
      const picture = await t.board.screen.picture();
      t.same([...picture.rgb], [1, 2, 3, 3, 5, 6], 'its display was looked at once');
      await t.keep('../screen.png', picture.png);
      const error = await t.host
        .observe('a meter', () => Promise.reject(new TypeError('no meter')))
        .catch(String);
      t.match(String(error), /no meter/);
      const server = await t.host.serveHttp(`text ${t.random.uuid()}`);
      const other = await t.host.serveHttp('other');
      t.not(server.port, other.port);
      await t.board.consoleShell.run(`fetch http://127.0.0.1:${server.port}/${t.random.integer(1, 1e9)}`);
      await t.eventually('the board asks', async () => server.requests.length > 0, { everyMs: 10 });
      t.same([server.requests.length, other.requests.length], [1, 0]);
      t.match(server.requests[0]?.path ?? '', /^\/\d+$/);
    });
    test('unplugs', { dirties: 'network' }, async (t) => {
      await t.board.link.down();
      t.equal(await t.board.link.state(), 'down', 'it is unplugged');
    });
  };
  const dir = await record(define, { ...script, network, display }, { board, seed: 7 });
  t.equal(looked, 3);
  const tests = await replay(dir, define, asNetworkBoard);
  t.strictSame(outcomes(tests), ['s/reads: same', 's/unplugs: same']);
  t.strictSame(
    tests.map(({ now }) => now.verdict),
    ['passed', 'failed'],
  );
  t.strictSame(
    tests.flatMap(({ where }) => where ?? []),
    [],
  );
  t.equal(looked, 3, 'nothing was looked at again');
  const kept = eventsOf(dir).filter((event) => event.type === 'evidence')[0];
  t.match(kept, { name: '../screen.png', file: /^evidence\/[^/]+\/screen\.png$/ });
  t.same(readFileSync(join(dir, kept?.file ?? '')), png([[1, 2, 3, 3, 5, 6]]), 'what was kept is there');
  const meter = eventsOf(dir).find((event) => event.type === 'observation' && event.what === 'a meter');
  t.match(meter, { outputFile: /^output\/\d+\.json$/, value: undefined }, 'a long value is beside the log');

  const asks = async (body: TestBody): Promise<ReplayedTest | undefined> =>
    (
      await replay(dir, (test) => test('reads', {}, body), {
        ...asNetworkBoard,
        only: new Set(['b1/s/reads']),
      })
    )[0];
  for (const [body, what] of [
    [async (t) => void (await t.board.endpoint(81)), 'look at endpoint of port 81'],
    [async (t) => void (await t.board.link.state()), 'look at link state'],
    [async (t) => void (await t.host.serveHttp('else')), /^look at port that serves 4 bytes over HTTP/],
    [
      async (t) => {
        await t.board.hostAddress();
        await t.board.hostAddress();
      },
      'look at address of this host',
    ],
  ] satisfies [TestBody, string | RegExp][]) {
    const asked = await asks(body);
    t.match(asked, { outcome: 'diverged', where: { board: 'b1' } });
    t.match(asked?.where?.now, what);
  }
  const fewer = await asks(async (t) => void t.equal(await t.board.hostAddress(), '127.0.0.1'));
  t.equal(fewer?.outcome, 'same', 'a look left out holds nothing back');
});

t.test('nothing is connected while a test is replayed', async (t) => {
  let requests = 0;
  const server = createServer((_request, response) => {
    requests += 1;
    response.end('a page');
  }).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const past = one(async (t) => {
    const response = await fetch(url, { headers: { connection: 'close' } });
    t.equal(await response.text(), 'a page');
    await t.board.shell.text('uname');
  });
  const dir = await record(past, script);
  t.equal(requests, 1);
  const [test] = await replay(dir, past);
  t.match(test, {
    outcome: 'diverged',
    where: { now: /^connect to 127\.0\.0\.1:\d+, which was not recorded$/ },
  });
  t.equal(requests, 1, 'the server of today was not asked');
  const through = one(async (t) => {
    const page = await t.host.observe(`page of ${url}`, async () => (await fetch(url)).text());
    t.equal(page, 'a page');
  });
  t.strictSame(outcomes(await replay(await record(through, script), through)), ['s/one: same']);
  t.equal(requests, 2);
  t.equal(await (await fetch(url)).text(), 'a page', 'afterwards it is as before');
});

t.test('random values come from the seed, the test and its attempt', async (t) => {
  const draw = ({ seed = 1, id = 'b1/s/one', attempt = 1 } = {}) => new SeededRandom({ seed, id, attempt });
  const random = draw();
  t.equal(random.uuid(), draw().uuid());
  // Never to change: recorded runs of any age draw these again.
  t.equal(draw().uuid(), '181903ea-34e3-45e7-917a-cc6ee49056e3');
  t.match(random.uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const all = [draw(), draw({ seed: 2 }), draw({ id: 'b2/s/one' }), draw({ attempt: 2 })].map((one) =>
    one.uuid(),
  );
  t.equal(new Set(all).size, 4);
  t.equal(random.bytes(1000).length, 1000);
  const drawn = Array.from({ length: 600 }, () => random.integer(-1, 1));
  for (const value of [-1, 0, 1]) t.ok(drawn.filter((one) => one === value).length > 100, `${value} comes`);
  t.equal(random.integer(5, 5), 5);
  t.ok(random.integer(0, 2 ** 48 - 1) >= 0);
  t.ok(['a', 'b'].includes(random.pick(['a', 'b'])));
  for (const wrong of [() => random.integer(2, 1), () => random.integer(0, 2 ** 48), () => random.pick([])])
    t.throws(wrong, { code: 'suite.bad-range', blame: 'suite' });

  const names: string[] = [];
  const define = one(async (t) => {
    names.push(t.random.uuid());
    t.equal(await t.board.shell.text(`echo ${names.at(-1)}`), 'wrong', 'so that it is tried again');
  });
  const dir = await record(define, script, { seed: 11, retries: 1 });
  t.equal(new Set(names).size, 2, 'an attempt has its own');
  t.strictSame(outcomes(await replay(dir, define)), ['s/one: same', 's/one: same']);
  t.equal(new Set(names).size, 2, 'and the same again in a replay');
});

t.test('an awaited panic, and a command that the deadline cut off', async (t) => {
  const define: Define = (test) => {
    test('crashes', { dirties: 'memory' }, async (t) => {
      await t.board.console.expectPanic(() => t.board.console.send('crash\n'), { timeoutMs: 30_000 });
      t.pass('it panicked');
    });
    test('hangs', { deadlineMs: 300 }, async (t) => void (await t.board.shell.run('hang')));
  };
  const dir = await record(define, script);
  const tests = await replay(dir, define);
  t.strictSame(outcomes(tests), ['s/hangs: same', 's/crashes: same']);
  t.equal(tests[0]?.recorded.error?.code, 'test.deadline');
  const cut = eventsOf(dir).find((event) => event.type === 'shell' && event.command === 'hang');
  t.match(cut, { exitCode: null, error: { code: 'test.deadline' } });
  const calm: Define = (test) =>
    test('crashes', { dirties: 'memory' }, async (t) => {
      await t.board.console.send('crash\n');
      await t.board.console.expect('never', { timeoutMs: 30_000 });
    });
  const [panicked] = await replay(dir, calm, { only: new Set(['b1/s/crashes']) });
  t.match(panicked, { outcome: 'now fails', now: { error: { code: 'console.panic' } } });
});

t.test('a board that was put back into a saved state', async (t) => {
  const epochs: number[] = [];
  const define: Define = (test) => {
    test('before', { dirties: 'memory' }, async (t) => void (await t.board.shell.run('touch')));
    test('restored', { dirties: 'memory' }, async (t) => {
      t.equal(await t.board.shell.text('uname'), 'ran uname');
      epochs.push(t.board.console.epoch);
    });
  };
  const dir = await record(define, script);
  rewrite(
    dir,
    eventsOf(dir).map((event) =>
      event.type === 'epoch' && event.epoch === 2 ? { ...event, reason: 'restore' } : event,
    ),
  );
  t.strictSame(outcomes(await replay(dir, define)), ['s/before: same', 's/restored: same']);
  t.strictSame(epochs, [2, 1], 'what was before it is not read');
});

t.test('what the board had said as the body began is there', async (t) => {
  const texts: string[] = [];
  const define = one(async (t) => void texts.push(t.board.console.text()));
  const dir = await record(define, script);
  t.strictSame(outcomes(await replay(dir, define)), ['s/one: same']);
  t.match(texts[0], /<\w+>\n# $/, 'the shell has just answered');
  t.equal(texts[1], texts[0]);
});

const hostile = Buffer.from('1b5d303b6576696c07ff fe 00 1b5b324a c29b 0d'.replaceAll(' ', ''), 'hex');
const boots = (pattern: string): Define =>
  one(
    async (t) => {
      const since = await bootedFrom(t);
      await t.board.console.expect(pattern, { since, timeoutMs: 300 });
    },
    { from: 'off' },
  );

t.test('hostile bytes', async (t) => {
  const boot = [
    hostile.toString('latin1'),
    'Started: \x1b[31mapp\x1b[0m\r\n',
    '\x9b\xff\x00',
    'Linux version 6\r\n# ',
  ];
  const dir = await record(boots('Stopped'), { boot });
  const raw = consoleOf(dir);
  t.ok(raw.includes(0) && raw.includes(0x1b));
  const [same] = await replay(dir, boots('Stopped'));
  t.equal(same?.outcome, 'same');
  const [passes] = await replay(dir, boots('Started: app'));
  t.match(
    passes,
    { outcome: 'now passes', where: { offset: raw.indexOf('Started') } },
    'offsets count what is not text too',
  );
  const evil = {
    ...passes,
    now: { verdict: 'failed', error: { message: 'quotes \x1b]0;evil\x07\u009b2J\u202e' } },
    notes: ['\x1b[2J'],
  } as unknown as ReplayedTest;
  t.notMatch(describeReplayed(evil), /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
});

t.test('a record that was tampered with, or that another version wrote', async (t) => {
  const dir = await record(boots('Started'), script);
  const events = eventsOf(dir);
  const raw = consoleOf(dir);
  const at = raw.indexOf('Started');
  const log = join(dir, 'events.ndjson');
  const file = join(dir, 'console/b1.raw');

  writeFileSync(file, Buffer.concat([raw.subarray(0, at), Buffer.from('s'), raw.subarray(at + 1)]));
  const [altered] = await replay(dir, boots('Started'));
  t.match(altered, { outcome: 'now fails', where: { offset: at } }, 'at the byte that was altered');
  writeFileSync(file, raw);

  rewrite(
    dir,
    events.map((event) => (event.type === 'console' ? { ...event, offset: event.offset + 1 } : event)),
  );
  await t.rejects(replay(dir, boots('Started')), { code: 'replay.gap', blame: 'config' });
  const last = events.findLast((event) => event.type === 'console');
  const claims = (length: number): RigEvent[] =>
    events.map((event) => (event === last ? { ...event, length } : event) as RigEvent);
  rewrite(dir, claims(-5));
  await t.rejects(replay(dir, boots('Started')), { code: 'replay.gap' });
  rewrite(dir, claims(1e13));
  t.match(
    (await replay(dir, boots('Started')))[0]?.notes.join(),
    /lacks \d+ bytes/,
    'and no memory for them',
  );

  rewrite(
    dir,
    events.filter((event) => event.type !== 'console.wait'),
  );
  const [untold] = await replay(dir, boots('Started'));
  t.equal(untold?.outcome, 'same', 'the verdicts are the same; how a wait ended is only told');

  const lines = events.map((event) => JSON.stringify(event));
  writeFileSync(log, `${lines.filter((_, index) => index !== 5).join('\n')}\n`);
  await t.rejects(replay(dir, boots('Started')), { code: 'record.corrupt', blame: 'config' });
  const begins = events.findIndex((event) => event.type === 'test.body');
  writeFileSync(log, `${lines.slice(0, begins).join('\n')}\n{"v":1,"se`);
  await t.rejects(replay(dir, boots('Started')), { code: 'replay.nothing' }, 'cut before the body began');
  const newer = { ...events[3], v: 2 };
  writeFileSync(log, `${[...lines.slice(0, 3), JSON.stringify(newer), ...lines.slice(4)].join('\n')}\n`);
  await t.rejects(replay(dir, boots('Started')), { code: 'record.newer-format', blame: 'config' });
  const unknown = { ...events[3], type: 'of.tomorrow' } as unknown as RigEvent;
  rewrite(dir, [...events.slice(0, 4), unknown, ...events.slice(4)]);
  const [later] = await replay(dir, boots('Started'));
  t.equal(later?.outcome, 'same', 'an event of a later rig, same version, is passed over');
  t.equal(readFileSync(file).compare(raw), 0, 'the record is only read');
});
