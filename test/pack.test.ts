// test: light
/** Packs: what was put in comes out, sparse; a hostile or broken one leaves nothing and leads nowhere. */
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tap from 'tap';
import { Header } from 'tar';
import { packContents } from '../rig/cli/pack/contents.js';
import { packFile } from '../rig/cli/pack/format.js';
import { type TarEntry, tarBytes } from '../rig/cli/pack/tar-writer.js';
import { unpack } from '../rig/cli/pack/unpack.js';
import { drivers } from '../rig/cli/registry.js';
import { definitionOf } from '../rig/cli/resume/definition.js';
import { findImage } from '../rig/cli/resume/find-image.js';
import { findBoard } from '../rig/config/find-boards.js';
import { loadLab } from '../rig/config/lab.js';
import type { BoardConfig } from '../rig/contracts/board.js';
import { RunRecorder } from '../rig/record/recorder.js';
import { SecretMask } from '../rig/record/secrets.js';

const folder = mkdtempSync(join(tmpdir(), 'pack-test-'));
tap.teardown(() => rmSync(folder, { recursive: true, force: true }));
const progress = (): void => {};
let packs = 0;

type Piece = TarEntry | { readonly raw: Buffer };

/** A file packed as a person would: tar, then zstd. */
async function pack(pieces: readonly Piece[], { cut = 0 }: { cut?: number } = {}): Promise<string> {
  const parts: Buffer[] = [];
  for (const piece of pieces) {
    const bytes = 'raw' in piece ? [piece.raw] : await all(tarBytes([piece]));
    // The last of ours ends an archive: only that of the last piece may.
    parts.push(...('raw' in piece ? bytes : bytes.slice(0, -1)));
  }
  const tar = Buffer.concat([...parts, Buffer.alloc(1024)]);
  const { stdout } = spawnSync('zstd', ['-q', '-c'], {
    input: tar.subarray(0, tar.length - cut),
    maxBuffer: 2 ** 28,
  });
  packs += 1;
  const path = join(folder, `${packs}.pack.tar.zst`);
  writeFileSync(path, stdout);
  return path;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

function text(path: string, content: string | Buffer): TarEntry {
  return { path, from: { bytes: Buffer.from(content) }, modified: new Date(1_700_000_000_000) };
}

function header(
  path: string,
  type: 'SymbolicLink' | 'Link' | 'CharacterDevice' | 'Directory' | 'FIFO',
): Piece {
  const made = new Header({
    path,
    type,
    size: 0,
    mode: 0o777,
    mtime: new Date(0),
    ...(type.endsWith('Link') ? { linkpath: '/etc/passwd' } : {}),
  });
  made.encode();
  return { raw: made.block ?? Buffer.alloc(0) };
}

const manifest = (images: readonly object[] = []): TarEntry =>
  text(packFile, JSON.stringify({ version: 1, run: 'r', images }));

/** A cache of its own, so that what is left of an attempt can be seen. */
async function unpackInto(path: string, limits?: { maxBytes: number; maxFiles: number }) {
  const cache = mkdtempSync(join(folder, 'cache-'));
  const env = { XDG_CACHE_HOME: cache };
  try {
    return { unpacked: await unpack(path, { env, progress, ...(limits ? { limits } : {}) }), cache };
  } catch (error) {
    return { error: error as Error & { code?: string; blame?: string }, cache };
  }
}

/** Every file under a folder. */
function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .sort();
}

tap.test('what was packed comes out as it was: long names, sparse images, times', async (t) => {
  const run = join(folder, 'a run');
  const long = `evidence/${'n'.repeat(90)}-1/frozen/${'b'.repeat(60)}`;
  mkdirSync(join(run, long), { recursive: true });
  writeFileSync(join(run, long, 'machine.zst'), randomBytes(300_000));
  writeFileSync(join(run, 'events.ndjson'), '{}\n');
  mkdirSync(join(run, 'evidence', '.b1.part-1-abcd'));
  writeFileSync(join(run, 'evidence', '.b1.part-1-abcd', 'machine.zst'), 'half');
  spawnSync('ln', ['-s', '/etc/passwd', join(run, 'link')]);
  const image = join(folder, 'os.img');
  writeFileSync(image, randomBytes(512));
  truncateSync(image, 64 * 2 ** 20);
  const sha256 = createHash('sha256').update(readFileSync(image)).digest('hex');
  const saved = {
    version: 1,
    savedAt: '',
    link: 'up',
    key: {},
    identity: { name: 'b', uuid: 'u', mac: 'm' },
    state: { file: 'machine.zst', sizeBytes: 1, sha256: '', compression: 'none' },
    medium: { file: 'm', sizeBytes: 1, sha256: '', image: { path: image, sha256 }, mediumBytes: 1 },
  };
  for (const dir of [join(run, long), join(run, 'evidence')])
    writeFileSync(join(dir, 'snapshot.json'), JSON.stringify(saved), { mode: 0o400 });
  const env = { XDG_CACHE_HOME: mkdtempSync(join(folder, 'empty-')) };
  const contents = await packContents(run, { run: 'r', cwd: folder, env });
  t.match(contents, { boards: 2, images: 1 }, 'an image that two need goes in once');
  const { unpacked, error } = await unpackInto(await pack(contents.entries));
  t.equal(error, undefined);
  const { runDir = '', imagesDir = '' } = unpacked ?? {};
  t.same(
    filesIn(runDir),
    filesIn(run).filter((path) => path !== 'link' && !path.includes('.part-')),
    'all but links and what is half-made',
  );
  t.same(
    readFileSync(join(runDir, long, 'machine.zst')),
    readFileSync(join(run, long, 'machine.zst')),
    'with the same bytes',
  );
  const found = await findImage({ path: '/gone.img', sha256 }, { folders: [imagesDir], cwd: folder, env });
  t.match(found.path, join(imagesDir, sha256, 'os.img'));
  const { blocks, mtimeMs } = statSync(found.path);
  t.ok(blocks * 512 < 2 ** 20, 'its holes are holes');
  t.equal(Math.trunc(mtimeMs), Math.trunc(statSync(image).mtimeMs));
  t.equal(statSync(join(runDir, 'events.ndjson')).mode & 0o777, 0o600);
});

tap.test('a hostile pack leads nowhere and leaves nothing', async (t) => {
  const outside = join(folder, 'cache-escaped');
  const qcow2 = (features: bigint): Buffer => {
    const head = Buffer.alloc(104);
    head.writeUInt32BE(0x514649fb, 0);
    head.writeUInt32BE(3, 4);
    head.writeBigUInt64BE(features, 72);
    return head;
  };
  const bad: readonly (readonly [what: string, pieces: readonly Piece[], code: string])[] = [
    ['a way up', [manifest(), text('run/../../../cache-escaped', 'x')], 'pack.unsafe'],
    ['a way up at once', [manifest(), text('../cache-escaped', 'x')], 'pack.unsafe'],
    ['an absolute path', [manifest(), text(outside, 'x')], 'pack.unsafe'],
    ['a dot', [manifest(), text('run/./x', 'x')], 'pack.unsafe'],
    ['an empty part', [manifest(), text('run//x', 'x')], 'pack.unsafe'],
    ['a backslash', [manifest(), text('run/..\\x', 'x')], 'pack.unsafe'],
    ['a control character', [manifest(), text('run/\x1b[2Jx', 'x')], 'pack.unsafe'],
    ['another place', [manifest(), text('keys/id_ed25519', 'x')], 'pack.unsafe'],
    ['a symbolic link', [manifest(), header('run/a', 'SymbolicLink'), text('run/a/b', 'x')], 'pack.unsafe'],
    ['a hard link', [manifest(), header('run/a', 'Link')], 'pack.unsafe'],
    ['a device', [manifest(), header('run/a', 'CharacterDevice')], 'pack.unsafe'],
    ['a pipe', [manifest(), header('run/a', 'FIFO')], 'pack.unsafe'],
    ['a folder', [manifest(), header('run/a', 'Directory')], 'pack.unsafe'],
    ['a file twice', [manifest(), text('run/a', 'x'), text('run/a', 'y')], 'pack.unsafe'],
    ['no manifest', [text('run/a', 'x')], 'pack.damaged'],
    ['a manifest of tomorrow', [text(packFile, '{"version":2}'), text('run/a', 'x')], 'pack.damaged'],
    [
      'an image that is another',
      [
        manifest([{ path: `images/${'a'.repeat(64)}/i`, sha256: 'a'.repeat(64), modifiedMs: 1 }]),
        text(`images/${'a'.repeat(64)}/i`, 'x'),
      ],
      'pack.damaged',
    ],
    [
      'an image elsewhere',
      [manifest([{ path: '../i', sha256: 'a'.repeat(64), modifiedMs: 1 }])],
      'pack.damaged',
    ],
    ['a medium outside', [manifest(), text('run/m.qcow2', qcow2(4n))], 'pack.unsafe'],
    ['a medium that is none', [manifest(), text('run/m.qcow2', 'x')], 'pack.damaged'],
    ['no tar', [{ raw: randomBytes(4096) }], 'pack.damaged'],
  ];
  for (const [what, pieces, code] of bad) {
    const { error, cache } = await unpackInto(await pack(pieces));
    t.match(error, { code, blame: 'config' }, what);
    t.same(filesIn(cache), [], `${what}: nothing is left`);
  }
  t.notOk(existsSync(outside));
  t.equal((await unpackInto(await pack([manifest(), text('run/m.qcow2', qcow2(0n))]))).error, undefined);
});

tap.test('a pack that is cut short, no pack, or too large', async (t) => {
  const whole = [manifest(), text('run/a', 'x'.repeat(100_000))];
  t.match((await unpackInto(await pack(whole, { cut: 50_000 }))).error, { code: 'pack.damaged' });
  const torn = await pack([manifest(), { ...text('run/a', randomBytes(50_000)) }]);
  truncateSync(torn, 20_000);
  t.match((await unpackInto(torn)).error, { code: 'pack.damaged' });
  const plain = join(folder, 'plain');
  writeFileSync(plain, 'no pack at all');
  t.match((await unpackInto(plain)).error, { code: 'pack.damaged' });
  const large = await pack(whole);
  t.match((await unpackInto(large, { maxBytes: 50_000, maxFiles: 9 })).error, { code: 'pack.too-large' });
  t.match((await unpackInto(large, { maxBytes: 2 ** 30, maxFiles: 1 })).error, { code: 'pack.too-large' });
  t.equal((await unpackInto(large, { maxBytes: 2 ** 30, maxFiles: 2 })).error, undefined);
});

tap.test('what is listed, and gone when it is looked at, is no error', async (t) => {
  const packs = join(folder, 'cleaned', 'boardrig', 'packs');
  mkdirSync(packs, { recursive: true });
  symlinkSync('nowhere', join(packs, 'gone'));
  const whole = await pack([manifest(), text('run/a', 'a')]);
  await t.resolves(unpack(whole, { env: { XDG_CACHE_HOME: join(folder, 'cleaned') }, progress }));
});

tap.test('a board of a pack is what QEMU plays, and names nothing of this machine', async (t) => {
  const lab = await loadLab({ cwd: folder, env: {}, drivers });
  const own: BoardConfig = { ...findBoard(lab, 'virt-arm64') };
  const machine = own.type.machine;
  const define = async (board: object, secrets: string[] = []) => {
    const runsDir = mkdtempSync(join(folder, 'runs-'));
    await using recorder = await RunRecorder.create({ runsDir, mask: new SecretMask(secrets) });
    await recorder.keepDefinition(board as BoardConfig);
    return recorder.dir;
  };
  const read = async (board: object, foreign = true) =>
    definitionOf('virt-arm64', { runDir: await define(board), lab, foreign });
  const withMachine = (change: object) => ({
    ...own,
    type: { ...own.type, machine: { ...machine, ...change } },
  });
  t.same(await read(own), own, 'a plain one is taken as it is');
  const withKey = { ...own, ssh: { keyFile: '/somebody/.ssh/id_rsa' } };
  t.equal((await read(withKey)).ssh, undefined, 'no key of this machine');
  t.same((await read(withKey, false)).ssh, withKey.ssh, 'but of an own run');
  for (const bad of [
    { ...own, drivers: { power: { driver: 'power-command', options: { on: ['rm'] } } } },
    withMachine({ model: 'virt,dumpdtb=/somebody/.bashrc' }),
    withMachine({ model: 'virt,dumpdtb=on' }),
    withMachine({ model: 'virt -snapshot' }),
    withMachine({ cpu: 'max,file=/etc/passwd' }),
    withMachine({ memoryMiB: '1G,x=y' }),
  ])
    await t.rejects(read(bad), { code: 'pack.unsafe', blame: 'config' });
  await t.rejects(read({ name: 'x' }), { code: 'resume.no-definition' });
  await t.rejects(definitionOf('other', { runDir: await define(own), lab, foreign: false }), {
    code: 'resume.no-definition',
  });
  const secret = { ...own, type: { ...own.type, login: { user: 'root', password: 'hunter22' } } };
  const runDir = await define(secret, ['hunter22']);
  t.notMatch(readFileSync(join(runDir, 'boards', 'virt-arm64.json'), 'utf8'), /hunter22/);
  const withLab = { ...lab, boards: [{ ...secret, from: 'lab' as const }] };
  t.same(
    (await definitionOf('virt-arm64', { runDir, lab: withLab, foreign: false })).type.login,
    secret.type.login,
    'what a run does not keep comes from the lab file',
  );
  await t.rejects(definitionOf('virt-arm64', { runDir, lab: { ...lab, boards: [] }, foreign: false }), {
    code: 'resume.secret-definition',
  });
});

tap.test('the image is found by its content, wherever it lies now', async (t) => {
  const image = join(folder, 'found.img');
  writeFileSync(image, randomBytes(4096));
  const sha256 = createHash('sha256').update(readFileSync(image)).digest('hex');
  const other = join(folder, 'other.img');
  writeFileSync(other, randomBytes(4096));
  const env = { XDG_CACHE_HOME: mkdtempSync(join(folder, 'empty-')) };
  const at = (path: string, given?: string) => findImage({ path, sha256 }, { given, cwd: folder, env });
  t.equal((await at(image)).path, image);
  t.equal((await at('/gone.img', 'found.img')).path, image, 'where a person says');
  await t.rejects(at('/gone.img', 'other.img'), { code: 'resume.other-image', message: /instead of/ });
  await t.rejects(at(other), { code: 'resume.image-gone', message: /is another one now/ });
  await t.rejects(at('/gone.img'), {
    code: 'resume.image-gone',
    blame: 'config',
    message: /gone.img is not there; .* has none/,
    hint: `Give it with --image FILE; its sha256 is ${sha256}.`,
  });
});
