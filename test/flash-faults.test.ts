// test: light
// `rig flash` as a program, on media that fail, vanish and lie: QEMU's block layer as a file, and a loop device on it.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import tap, { type Test } from 'tap';
import type { MediumState } from '../rig/contracts/capabilities.js';
import { sessionRoots } from '../rig/core/session/directory.js';
import { attachSession } from '../rig/core/session/open.js';
import { flash } from '../rig/flash/flash.js';
import { Medium } from '../rig/flash/medium/medium.js';
import { type FlashPhase, FlashProgress } from '../rig/flash/progress.js';
import { FileSource } from '../rig/flash/source/file.js';
import { pollUntil } from '../rig/lifetime/poll.js';
import { certificates } from './flash/certificates.js';
import { FlashWorld } from './flash/command.js';
import { failing, faultyFile, loopDevice, noDrives } from './flash/drives.js';
import { imageServer } from './flash/image-server.js';
import { flipByte, mebibyte, sh, sparse, usedMedium } from './flash/images.js';

tap.setTimeout(300_000);

const world = new FlashWorld();
tap.teardown(() => world[Symbol.dispose]());
const at = (name: string): string => world.at(name);
const imageBytes = 24 * mebibyte;
writeFileSync(at('raw.bin'), randomBytes(imageBytes));
sh('gzip', ['-1', '-k', at('raw.bin')]);
const skip = noDrives() ?? false;

tap.test('progress and the end, for programs and for people', async (t: Test) => {
  usedMedium(at('card'), 32 * mebibyte);
  const { ended, lines, last } = await world.flash('raw.bin', '--drive', 'card', '--yes');
  t.equal(ended.code, 0);
  t.same([...new Set(lines.map(({ phase }) => phase))], ['write', 'sync', 'verify', undefined]);
  t.match(last, { event: 'done', imageBytes, mappedBytes: imageBytes, verified: 'direct', map: 'all' });
  sh('cmp', ['-n', String(imageBytes), at('raw.bin'), at('card')]);
  const plain = await world.rig(['flash', 'raw.bin', '--drive', 'card', '--yes', '--no-verify']);
  t.match(plain.stderr, /WARNING: --no-verify/);
  t.match(plain.stdout, /NOT VERIFIED/);
  t.notMatch((await world.rig(['flash', 'raw.bin', '--drive', 'card', '--yes'])).stdout, /NOT VERIFIED/);
});

tap.test('media that fail', { skip }, async (t: Test) => {
  const bytes = 32 * mebibyte;
  const offset = 8 * mebibyte;
  const faults = [
    ['a sector that cannot be written', failing('write', { errno: 5, offset }), 'flash.write-failed'],
    ['a sector that cannot be read', failing('read', { errno: 5, offset }), 'flash.read-failed'],
    ['a cache that cannot be flushed', failing('flush', { errno: 5 }), 'flash.write-failed'],
    ['a host disk that is full', failing('write', { errno: 28, offset }), 'flash.disk-full'],
    [
      'a medium that forgets',
      { driver: 'null-co', size: bytes, 'read-zeroes': true },
      'flash.read-back-differs',
    ],
  ] as const;
  const fails = async ([what, node, code]: (typeof faults)[number]): Promise<void> => {
    await using file = await faultyFile(world.cwd, { bytes, node });
    await world.fails(t, ['raw.bin', '--drive', file.path, '--yes'], code, 3);
    using loop = loopDevice(file.path);
    // The loop driver has no word for a full disk: a card that says so is broken.
    const expected = code === 'flash.disk-full' ? 'flash.write-failed' : code;
    await world.fails(t, ['raw.bin', '--drive', loop.path, '--yes'], expected, 3);
    t.comment(what);
  };
  for (const fault of faults) await fails(fault);
});

tap.test('the page cache of a loop device proves nothing', { skip }, async (t: Test) => {
  const bytes = 32 * mebibyte;
  const node = { driver: 'null-co', size: bytes, 'read-zeroes': true };
  await using file = await faultyFile(world.cwd, { bytes, node });
  using loop = loopDevice(file.path, { cached: true });
  await world.fails(t, ['raw.bin', '--drive', loop.path, '--yes'], 'flash.read-back-differs', 3);
});

tap.test('a medium that vanishes half-way', { skip }, async (t: Test) => {
  const limits = { 'bps-write': 8 * mebibyte, 'bps-read': 1000 * mebibyte };
  const node = { driver: 'throttle', 'throttle-group': 'slow', file: 'below' };
  await using file = await faultyFile(world.cwd, { bytes: 32 * mebibyte, node, limits });
  const running = world.start(['flash', 'raw.bin', '--drive', file.path, '--yes', '--json']);
  await running.sees(/"phase":"write","doneBytes":[1-9]/);
  await file.vanish();
  const { stdout, code } = await running.ended;
  t.match(stdout, /"code":"flash.medium-vanished"/);
  t.equal(code, 3);
});

tap.test('Ctrl-C', { skip }, async (t: Test) => {
  const limits = { 'bps-write': 8 * mebibyte };
  const node = { driver: 'throttle', 'throttle-group': 'slow', file: 'below' };
  await using file = await faultyFile(world.cwd, { bytes: 32 * mebibyte, node, limits });
  const running = world.start(['flash', 'raw.bin', '--drive', file.path, '--yes', '--json']);
  await running.sees(/"phase":"write","doneBytes":[1-9]/);
  running.child.kill('SIGINT');
  const { stdout, stderr, code } = await running.ended;
  t.equal(code, 130);
  t.match(stdout, /"event":"failed","signal":"SIGINT"/);
  t.match(stderr, /holds only a part of the image/);
  await nothingRuns();
});

tap.test('a full disk', { skip }, async (t: Test) => {
  sparse(at('small-disk'), 16 * mebibyte);
  sh('mke2fs', ['-q', '-t', 'ext4', at('small-disk')]);
  using loop = loopDevice(at('small-disk'));
  mkdirSync(at('mounted'));
  sh('mount', [loop.path, at('mounted')]);
  try {
    await world.fails(t, ['raw.bin', '--drive', 'mounted/copy', '--yes'], 'flash.disk-full', 3);
    t.notOk(existsSync(at('mounted/copy')), 'and no half of an image is left');
  } finally {
    sh('umount', [at('mounted')]);
  }
});

tap.test('a medium that lies about one byte', async (t: Test) => {
  usedMedium(at('card'), 32 * mebibyte);
  const phases: FlashPhase[] = [];
  const progress = new FlashProgress((phase) => {
    phases.push(phase);
    // Behind the back of the writer, as a worn-out cell does it.
    if (phase === 'verify') flipByte(at('card'), 5 * mebibyte + 123);
  });
  await using source = await FileSource.open(at('raw.bin'), 'raw.bin');
  await using medium = await Medium.open(at('card'));
  await t.rejects(flash(source, medium, { progress }), {
    code: 'flash.read-back-differs',
    blame: 'rig',
    evidence: { start: 0, end: 16 * mebibyte },
  });
  t.same(phases, ['write', 'sync', 'verify'], 'it was never done');
});

tap.test('memory does not grow with the image', async (t: Test) => {
  const peak = (megabytes: number): number => {
    const fd = openSync(at('large'), 'w');
    for (let at = 0; at < megabytes; at += 8) writeSync(fd, Buffer.alloc(8 * mebibyte, at));
    closeSync(fd);
    const script = `
      import { readFileSync } from 'node:fs';
      process.argv.push('flash', '-', '--drive', ${JSON.stringify(at('out'))}, '--yes', '--json');
      process.on('exit', () => console.error('PEAK ' + /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status'))[1]));
      await import(${JSON.stringify(new URL('../rig/cli/main.js', import.meta.url).href)});`;
    const input = openSync(at('large'), 'r');
    const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script, 'rig'], {
      stdio: [input, 'ignore', 'pipe'],
      encoding: 'utf8',
    });
    closeSync(input);
    t.equal(statSync(at('out')).size, megabytes * mebibyte);
    sh('rm', [at('out')]);
    return Number(/PEAK (\d+)/.exec(stderr)?.[1]) / 1024;
  };
  const [small, large] = [peak(32), peak(320)];
  t.ok(large - small < 40, `${small} MiB at the most for 32 MiB, ${large} for ten times as much`);
});

tap.test('an https server, and one that nobody vouches for', async (t: Test) => {
  const { caFile, ...tls } = certificates(world.cwd);
  const packed = at('raw.bin.gz');
  const cutAfterBytes = Math.ceil(statSync(packed).size / 3);
  await using server = await imageServer(packed, '.gz', { tls, cutAfterBytes });
  usedMedium(at('card'), 32 * mebibyte);
  const args = ['flash', `${server.url}/raw.bin.gz`, '--drive', 'card', '--yes', '--json'];
  const { stdout, code } = await world.rig(args, { env: { NODE_EXTRA_CA_CERTS: caFile } });
  t.match(stdout, /"event":"done".*"verified":"direct"/);
  t.equal(code, 0);
  sh('cmp', ['-n', String(imageBytes), at('raw.bin'), at('card')]);
  t.match(
    server.requests.filter((request) => /\.gz( |$)/.test(request)),
    [/gz$/, /bytes=\d+-$/, /bytes=\d+-$/],
    'a connection that breaks twice goes on where it was',
  );

  const asked = server.requests.length;
  await world.fails(t, args.slice(1, -1), 'flash.server-not-trusted', 2);
  t.equal(server.requests.length, asked, 'and is asked for nothing');
});

tap.test('a board', async (t: Test) => {
  writeFileSync(at('broken.img.gz'), Buffer.from('1f8b0800', 'hex'));
  await world.fails(t, ['broken.img.gz', '--board', 'virt-arm64'], 'flash.image-corrupt', 2);
  await world.fails(t, ['raw.bin', '--board', 'none'], 'config.unknown-board', 2);
  await nothingRuns();

  const { last } = await world.flash('raw.bin', '--board', 'virt-arm64');
  t.match(last, { event: 'done', place: 'virt-arm64', verified: 'direct' });
  const sha256 = sh('sha256sum', [at('raw.bin')]).split(' ')[0] ?? '';
  t.match(await mediumOf('virt-arm64'), { kind: 'image', sha256 });
  await sameOnMedium('virt-arm64');
  t.match((await world.flash('raw.bin', '--board', 'virt-arm64', '--delta')).last, { writtenBytes: 0 });
  t.match((await world.flash('raw.bin.gz', '--board', 'virt-arm64')).last, { event: 'done', sha256 });
  t.match(await mediumOf('virt-arm64'), { kind: 'image', sha256 }, 'also of an image that comes packed');

  writeFileSync(at('cut.bin.gz'), readFileSync(at('raw.bin.gz')).subarray(0, 5 * mebibyte));
  await world.fails(t, ['cut.bin.gz', '--board', 'virt-arm64'], 'flash.image-truncated', 2);
  t.match(await mediumOf('virt-arm64'), { kind: 'unknown' }, 'nobody takes half an image for one');
  t.equal((await world.rig(['down', 'virt-arm64'])).code, 0);
  await nothingRuns();
});

/** Also a session that was told to end does so in its own time. */
async function nothingRuns(): Promise<void> {
  await pollUntil(() => world.processes().length === 0, {
    what: 'all that was started to end',
    timeoutMs: 60_000,
  });
}

/** By cmp: what the board has in its slot is what was flashed. */
async function sameOnMedium(board: string): Promise<void> {
  const env = { XDG_RUNTIME_DIR: join(world.root, 'run'), XDG_STATE_HOME: world.state };
  await using session = await attachSession(board, { purpose: 'test', roots: sessionRoots(env) });
  await session?.takeLease();
  const holds = session?.capabilities.storage?.state();
  const drive = await session?.capabilities.mux?.toRig();
  sh('cmp', ['-n', String(imageBytes), at('raw.bin'), drive?.path ?? 'no drive']);
  await session?.capabilities.mux?.toBoard(holds?.kind === 'image' ? { holds } : {});
}

/** What the board's session says of its medium. */
async function mediumOf(board: string): Promise<MediumState | undefined> {
  const env = { XDG_RUNTIME_DIR: join(world.root, 'run'), XDG_STATE_HOME: world.state };
  await using session = await attachSession(board, { purpose: 'test', roots: sessionRoots(env) });
  return session?.capabilities.storage?.state();
}
