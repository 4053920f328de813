// test: light
// The block layer of the power-cut explorer: logs of writes as QEMU makes them, and views of crash states as QEMU reads them. qemu-img,
// qemu-io and a replay written by hand judge what is served.
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { serveView } from '../qemu/write-log/block-server.js';
import { readWriteLog } from '../qemu/write-log/parse.js';
import { ViewFiles } from '../qemu/write-log/view.js';
import { type CrashState, type ServedView, stateKinds, type WriteLog } from '../rig/contracts/powercut.js';
import { enumerate } from '../rig/core/powercut/enumerate.js';
import { Layers } from '../rig/core/powercut/layers.js';
import { runProgram } from '../rig/lifetime/run-program.js';
import { record, replay } from './powercut/recording.js';

t.setTimeout(180_000);
const folder = mkdtempSync(join(tmpdir(), 'cut-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);
const socketPath = at('nbd');
const uri = `nbd+unix:///?socket=${socketPath}`;

const recording = record(
  folder,
  [
    [
      ...['write -P 0xa1 0 4k', 'write -P 0xa2 64k 32k', 'flush', 'write -P 0xa3 2k 4k', 'discard 128k 64k'],
      ...['write -P 0xa4 1000k 24k', 'write -P 0xa5 66k 512', 'flush'],
    ],
    ['write -P 0xb1 65k 1k', 'write -z 8k 8k', 'write -P 0xb2 130k 2k', 'write -P 0xb3 9k 512'],
  ],
  { baseBytes: 900 * 1024 },
);
const logFiles = { files: recording.logs, marks: [] };
const log = await readWriteLog(logFiles, { mediumBytes: recording.sizeBytes });
const layers = new Layers(log.entries);
const torn = enumerate(log.entries, { model: 'sd-card', seed: 1, pageSectors: 8 }).states;
const cached = enumerate(log.entries, { model: 'write-back', seed: 1 }).states;
const files = await ViewFiles.open(recording);
t.teardown(() => files[Symbol.asyncDispose]());

async function serving<T>(state: CrashState, act: (view: ServedView) => Promise<T>): Promise<T> {
  await using view = await serveView(files, { extents: layers.extentsOf(state), socketPath });
  return await act(view);
}

const last = cached.filter(({ kind }) => kind === 'prefix' || kind === 'boundary').at(-1);
if (!last) throw new Error('there are no states');

async function io(commands: readonly string[]): Promise<string> {
  return (
    await runProgram('qemu-io', [
      '-d',
      'unmap',
      '-f',
      'raw',
      ...commands.flatMap((line) => ['-c', line]),
      uri,
    ])
  ).stdout;
}

t.test('a log is read as QEMU wrote it', async (t) => {
  const told = log.entries.map(({ kind, sector, sectors }) => `${kind} ${sector} ${sectors}`);
  t.same(told.slice(0, 3), ['write 0 8', 'write 128 64', 'flush 0 0'], 'writes and a flush');
  t.ok(told.includes('discard 256 128'), 'a discard');
  t.ok(told.includes('write 16 16'), 'zeros are a write');
  t.equal(log.entries.find(({ sector }) => sector === 130)?.file, 1, 'the second process has its own file');
  t.same(
    log.entries.map(({ number }) => number),
    [...log.entries.keys()],
  );
});

t.test('a full replay is the medium that QEMU left', async (t) => {
  const compare = ['compare', '-f', 'raw', '-F', 'raw', uri, recording.left];
  await t.resolves(serving(last, () => runProgram('qemu-img', compare)));
});

t.test('a served state is, byte by byte, the log replayed by hand', async (t) => {
  const chosen = [torn, cached].flatMap((states) =>
    stateKinds.flatMap((kind) => {
      const some = states.filter((state) => state.kind === kind);
      return some.filter((_, index) => index % Math.ceil(some.length / 4) === 0);
    }),
  );
  t.equal(new Set(chosen.map(({ kind }) => kind)).size, stateKinds.length, 'every kind');
  for (const state of chosen) {
    replay(recording, at('expected'), { entries: log.entries, state });
    await serving(state, () =>
      runProgram('qemu-img', ['convert', '-f', 'raw', '-O', 'raw', uri, at('found')]),
    );
    t.ok(readFileSync(at('found')).equals(readFileSync(at('expected'))), state.name);
  }
});

t.test('a guest sees its own writes; what it read before them is known, to the sector', async (t) => {
  await serving(last, async (view) => {
    await io(['read 4k 1k', 'write -P 0xc1 6k 4k', 'read -P 0xc1 6k 4k', 'read 9k 2k', 'discard 64k 4k']);
    t.same([...view.readSet()], [8, 2, 20, 2], 'not what it had written itself: sectors 12 to 19');
    t.equal(view.writtenSectors(), 8 + 8);
    await io(['read -P 0xc1 6k 4k', 'read -P 0 64k 4k', 'read 0 512', 'write -z 6k 1k', 'read -P 0 6k 1k']);
    t.same([...view.readSet()], [0, 1, 8, 2, 20, 2], 'also of the next process');
    t.equal(Buffer.from(await view.readSectors(14, 1)).readUInt8(0), 0xc1);
    view.forget();
    t.same([...view.readSet()], []);
    replay(recording, at('expected'), { entries: log.entries, state: last });
    await runProgram('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', uri, at('expected')]);
  });
});

t.test('a client that does not keep to the protocol is dropped, and the others are served', async (t) => {
  await serving(last, async () => {
    const option = Buffer.alloc(20);
    option.write('IHAVEOPT', 4);
    option.writeUInt32BE(7, 12);
    option.writeUInt32BE(1024 * 1024, 16);
    const client = connect(socketPath);
    client.resume();
    // It goes on listening: only the server can end this.
    client.write(option);
    await once(client, 'close');
    const silent = connect(socketPath);
    await once(silent, 'data');
    await io(['read 0 4k']);
    silent.destroy();
    await t.rejects(io([`read ${recording.sizeBytes} 512`]), 'past the end');
  });
  await t.rejects(
    serveView(files, { extents: layers.extentsOf(last), socketPath: `/tmp/${'x'.repeat(120)}` }),
    { code: 'powercut.socket' },
  );
});

t.test('a log that is no sound one is refused, or read as far as it is whole', async (t) => {
  const copy = (change: (bytes: Buffer) => void, length?: number): Promise<WriteLog> => {
    copyFileSync(recording.logs[0] ?? '', at('copy'));
    const bytes = readFileSync(at('copy'));
    change(bytes);
    writeFileSync(at('copy'), bytes);
    if (length !== undefined) truncateSync(at('copy'), length);
    return readWriteLog({ files: [at('copy')], marks: [] }, { mediumBytes: recording.sizeBytes });
  };
  const bad = { code: 'powercut.bad-log' };
  await t.rejects(
    copy((bytes) => bytes.write('no')),
    bad,
    'magic',
  );
  await t.rejects(
    copy((bytes) => bytes.writeUInt8(9, 8)),
    bad,
    'version',
  );
  await t.rejects(
    copy((bytes) => bytes.writeUInt32LE(4096, 24)),
    bad,
    'sector size',
  );
  await t.rejects(
    copy((bytes) => bytes.writeBigUInt64LE(2n ** 60n, 16)),
    bad,
    'count',
  );
  await t.rejects(
    copy((bytes) => bytes.writeBigUInt64LE(2n ** 62n, 512)),
    bad,
    'sector',
  );
  await t.rejects(
    copy((bytes) => bytes.writeUInt8(64, 512 + 16)),
    bad,
    'flags',
  );
  await t.rejects(
    copy(() => {}, 700),
    { ...bad, message: /ends within entry 0/ },
    'cut within what it counts',
  );
  const unflushed = await copy((bytes) => bytes.fill(0, 0, 512), 512 + 512 + 4096 + 700);
  t.ok(unflushed.cutShort);
  t.equal(unflushed.entries.length, 1, 'what is whole');
  await t.rejects(readWriteLog(logFiles, { mediumBytes: 64 * 1024 }), bad, 'another medium');
});

t.test('a write whose bytes come in pieces is answered when the last one is there', async (t) => {
  await serving(last, async (view) => {
    const client = connect(socketPath);
    await once(client, 'connect');
    const handshake = Buffer.alloc(20);
    // Flags, then the option EXPORT_NAME with an empty name (NBD protocol, "Fixed newstyle negotiation").
    handshake.writeUInt32BE(3, 0);
    handshake.write('IHAVEOPT', 4, 'latin1');
    handshake.writeUInt32BE(1, 12);
    client.write(handshake);
    const bytes = Buffer.alloc(96 * 1024, 0x5a);
    const request = Buffer.alloc(28);
    request.writeUInt32BE(0x25609513, 0);
    request.writeUInt16BE(1, 6);
    request.writeBigUInt64BE(512n, 16);
    request.writeUInt32BE(bytes.length, 24);
    client.write(Buffer.concat([request, bytes.subarray(0, 1000)]));
    // So that the pieces are two reads of the server's.
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    client.write(bytes.subarray(1000));
    let answered = Buffer.alloc(0);
    for await (const chunk of client) {
      answered = Buffer.concat([answered, chunk as Buffer]);
      if (answered.length >= 18 + 10 + 16) break;
    }
    t.equal(answered.readUInt32BE(answered.length - 12), 0, 'no error');
    t.equal(view.writtenSectors(), 192);
  });
});
