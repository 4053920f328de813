// test: light
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tap, { type Test } from 'tap';
import { hostDiskError, hostDiskFull } from '../qemu/host-errors.js';
import { Qmp } from '../qemu/qmp.js';
import type { RigError } from '../rig/contracts/errors.js';
import type { JsonObject } from '../rig/contracts/json.js';

tap.setTimeout(120_000);
const folder = mkdtempSync(join(tmpdir(), 'qmp-test-'));
tap.teardown(() => rmSync(folder, { recursive: true, force: true }));

const greeting = '{"QMP": {"version": {}, "capabilities": ["oob"]}}\r\n';

/** Both ends of a real unix socket: a Qmp, and a QEMU of which the test plays every byte. */
class Wire implements Disposable {
  readonly told: (string | RigError)[] = [];
  readonly qmp: Qmp;
  readonly #qemu: Socket;
  #received = '';
  #wake: () => void = () => {};

  private constructor(client: Socket, qemu: Socket) {
    this.#qemu = qemu;
    qemu.on('data', (chunk) => {
      this.#received += chunk;
      this.#wake();
    });
    this.qmp = new Qmp(client, {
      event: (name, data) => this.told.push(`${name} ${JSON.stringify(data)}`),
      lost: (error) => this.told.push(error),
    });
  }

  static async open(name: string): Promise<Wire> {
    const path = join(folder, name);
    const server = createServer().listen(path);
    await once(server, 'listening');
    const client = connect(path);
    const [qemu] = (await once(server, 'connection')) as [Socket];
    server.close();
    return new Wire(client, qemu);
  }

  /** Greets and takes the first command. */
  static async greeted(name: string): Promise<Wire> {
    const wire = await Wire.open(name);
    wire.say(greeting);
    const { id } = await wire.hear();
    wire.say(`{"return": {}, "id": ${id}}\n`);
    await wire.qmp.ready();
    return wire;
  }

  say(bytes: string | Buffer): void {
    this.#qemu.write(bytes);
  }

  /** One byte in each packet. */
  async stammer(text: string): Promise<void> {
    for (const byte of Buffer.from(text)) {
      await new Promise((resolve) => this.#qemu.write(Buffer.of(byte), resolve));
      await new Promise(setImmediate);
    }
  }

  /** The next command that arrives. */
  async hear(): Promise<{ execute: string; id: number; arguments?: JsonObject }> {
    for (;;) {
      const end = this.#received.indexOf('\n');
      if (end >= 0) {
        const line = this.#received.slice(0, end);
        this.#received = this.#received.slice(end + 1);
        return JSON.parse(line);
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  hangUp(): void {
    this.#qemu.destroy();
  }

  [Symbol.dispose](): void {
    this.qmp[Symbol.dispose]();
    this.#qemu.destroy();
  }
}

tap.test('commands wait for the greeting, which may come byte by byte', async (t: Test) => {
  using wire = await Wire.open('greeting');
  let ready = false;
  const opened = wire.qmp.ready().then(() => {
    ready = true;
  });
  await wire.stammer(greeting);
  const { execute, id } = await wire.hear();
  t.equal(execute, 'qmp_capabilities');
  t.notOk(ready, 'not before the capabilities are agreed on');
  wire.say(`{"return": {}, "id": ${id}}\n`);
  await opened;
});

tap.test('replies find their commands in any order, events between them', async (t: Test) => {
  using wire = await Wire.greeted('order');
  const first = wire.qmp.execute('one', { a: 1 });
  const second = wire.qmp.execute('two');
  const [one, two] = [await wire.hear(), await wire.hear()];
  t.same([one.execute, one.arguments, two.execute], ['one', { a: 1 }, 'two']);
  const event = '{"event": "NEWS", "data": {"word": "grün €"}, "timestamp": {}}\n';
  await wire.stammer(`${event}{"return": "second", "id": ${two.id}}\n`);
  t.equal(await second, 'second');
  t.same(wire.told, ['NEWS {"word":"grün €"}'], 'characters of several bytes survive');
  wire.say(`{"event": "BARE"}\n\n{"return": {"n": 1}, "id": ${one.id}}\n{"event": "LAST", "data": {}}\n`);
  t.same(await first, { n: 1 });
  t.same(wire.told.slice(1), ['BARE {}', 'LAST {}']);
});

tap.test("a refusal is an error with QEMU's own words", async (t: Test) => {
  using wire = await Wire.greeted('refusal');
  const call = wire.qmp.execute('eject');
  const { id } = await wire.hear();
  wire.say(`{"error": {"class": "DeviceNotFound", "desc": "Device 'x' not found"}, "id": ${id}}\n`);
  await t.rejects(call, {
    code: 'qmp.command-failed',
    message: "QEMU refused the command eject: Device 'x' not found",
    evidence: { class: 'DeviceNotFound', command: 'eject' },
  });
  t.same(wire.told, [], 'and the connection stays');
});

tap.test('a lost connection fails everything that waits, at once, and what comes later', async (t: Test) => {
  using wire = await Wire.greeted('lost');
  const calls = ['a', 'b', 'c'].map((name) => wire.qmp.execute(name));
  const rejected = Promise.all(calls.map((call) => t.rejects(call, { code: 'qmp.lost' })));
  await wire.hear();
  wire.hangUp();
  await rejected;
  t.match(wire.told, [{ code: 'qmp.lost', evidence: { pending: ['a', 'b', 'c'] } }]);
  await t.rejects(wire.qmp.execute('d'), { code: 'qmp.lost' });
  using silent = await Wire.open('silent');
  silent.hangUp();
  await t.rejects(silent.qmp.ready(), { code: 'qmp.lost' }, 'also before the greeting');
});

for (const [what, line] of [
  ['no JSON', 'qemu: oops\n'],
  ['no object', '[1]\n'],
  ['a reply to nothing', '{"return": {}, "id": 999}\n'],
] as const) {
  tap.test(`${what} ends the connection`, async (t: Test) => {
    using wire = await Wire.greeted(what.replaceAll(' ', '-'));
    const call = wire.qmp.execute('x');
    wire.say(line);
    await t.rejects(call, { code: 'qmp.lost' });
    t.equal(wire.told.length, 1);
  });
}

tap.test('giving up a command leaves the connection usable', async (t: Test) => {
  using wire = await Wire.greeted('abort');
  const abort = new AbortController();
  const call = wire.qmp.execute('slow', undefined, { signal: abort.signal });
  const slow = await wire.hear();
  abort.abort(new Error('given up'));
  await t.rejects(call, { message: 'given up' });
  const next = wire.qmp.execute('next');
  const { id } = await wire.hear();
  wire.say(`{"return": "late", "id": ${slow.id}}\n{"return": "mine", "id": ${id}}\n`);
  t.equal(await next, 'mine');
});

tap.test('an error of the medium is told also when its folder is gone', async (t) => {
  const told = { board: 'b', program: 'qemu', args: [], folder: join(folder, 'gone') };
  const error = await hostDiskError(told, { operation: 'read', reason: 'Input/output error' });
  t.match(error, { code: 'qemu.host-disk-error', blame: 'rig' });
  t.equal(await hostDiskFull(told.folder), undefined);
});
