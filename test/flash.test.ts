// test: light
// Long because one image, and its packages, serve all the tests: to make them costs more than most of them.
// The flash engine on files: what it writes is judged by cmp, bmaptool, fsck and the tools that made the file systems.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tap, { type Test } from 'tap';
import { AlignedPool } from '../rig/flash/aligned-pool.js';
import { bmapNames, findBmap, readBmap } from '../rig/flash/bmap/find.js';
import { parseBmap } from '../rig/flash/bmap/parse.js';
import { alignOutward, gapsBetween, intersectRanges, joinRanges } from '../rig/flash/byte-range.js';
import { type FlashOptions, type FlashReport, flash } from '../rig/flash/flash.js';
import { Medium } from '../rig/flash/medium/medium.js';
import { mediumWriter } from '../rig/flash/medium-writer.js';
import { FlashProgress } from '../rig/flash/progress.js';
import { openSource } from '../rig/flash/source/open-source.js';
import { unzstd, ZstdError, zstdLibrary } from '../rig/flash/source/zstd-library.js';
import { imageServer } from './flash/image-server.js';
import {
  diskBytes,
  flipByte,
  mebibyte,
  packed,
  partitionedImage,
  parts,
  sh,
  sparse,
  usedMedium,
  zipped,
} from './flash/images.js';

tap.setTimeout(300_000);

const folder = mkdtempSync(join(tmpdir(), 'boardrig-flash-'));
tap.teardown(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);
const disk = partitionedImage(folder);
const packages = packed(disk);
sh('bmaptool', ['create', '-o', at('made.bmap'), disk]);

async function flashTo(
  path: string,
  ref: string,
  { create, ...options }: FlashOptions & { readonly create?: boolean } = {},
): Promise<FlashReport> {
  await using source = await openSource(ref, { cwd: folder });
  await using medium = await Medium.open(path, { create: create ?? false });
  return await flash(source, medium, options);
}

const sameBytes = (a: string, b: string): string => {
  try {
    return sh('cmp', [a, b]);
  } catch (error) {
    return (error as { stdout: string }).stdout || String(error);
  }
};

tap.test('ranges', async (t: Test) => {
  const joined = joinRanges([
    { start: 10, end: 20 },
    { start: 0, end: 5 },
    { start: 5, end: 6 },
    { start: 15, end: 30 },
    { start: 40, end: 40 },
  ]);
  t.same(joined, [
    { start: 0, end: 6 },
    { start: 10, end: 30 },
  ]);
  t.same(gapsBetween(joined, { start: 2, end: 35 }), [
    { start: 6, end: 10 },
    { start: 30, end: 35 },
  ]);
  t.same(intersectRanges(joined, [{ start: 3, end: 12 }]), [
    { start: 3, end: 6 },
    { start: 10, end: 12 },
  ]);
  t.same(alignOutward([{ start: 5000, end: 8193 }], 10_000), [{ start: 4096, end: 10_000 }]);
});

tap.test('buffers of the pool are aligned, and who wants one more waits', async (t: Test) => {
  const pool = new AlignedPool({ count: 2, bufferBytes: 4096 });
  const [first] = [await pool.take({}), await pool.take({})];
  const third = pool.take({});
  const given = { yet: false };
  void third.then(() => {
    given.yet = true;
  });
  const stop = new AbortController();
  const fourth = pool.take({ signal: stop.signal });
  stop.abort(new Error('enough'));
  await t.rejects(fourth, { message: 'enough' });
  t.notOk(given.yet, 'it waits');
  first?.release();
  t.equal((await third).bytes, first?.bytes, 'it gets the one that was given back');
});

tap.test('an image without a map: its file systems say what is needed', async (t: Test) => {
  const medium = usedMedium(at('medium'), 70 * mebibyte);
  const report = await flashTo(medium, disk);
  t.match(report, { map: 'filesystems', verified: 'direct', imageBytes: statSync(disk).size });
  t.equal(report.writtenBytes, report.mappedBytes);
  // 35 MiB of a FAT with 2 used, 24 of an ext4 with 4 and its tables; the 4 deleted MiB of each are not written.
  t.ok(report.mappedBytes < 18 * mebibyte, `${report.mappedBytes} bytes`);
  for (const [name, { start, size }] of Object.entries(parts))
    sh('dd', [
      `if=${medium}`,
      `of=${at(`back-${name}`)}`,
      'bs=1M',
      `skip=${start / mebibyte}`,
      `count=${size / mebibyte}`,
    ]);

  sh('fsck.vfat', ['-n', at('back-fat')]);
  sh('mcopy', ['-n', '-i', at('back-fat'), '::file', at('fat-file-back')]);
  t.equal(sameBytes(at('fat-file'), at('fat-file-back')), '');
  sh('e2fsck', ['-fn', at('back-ext4')]);
  for (const name of ['file', 'zeros']) {
    sh('debugfs', ['-R', `dump ${name} ${at('ext4-file-back')}`, at('back-ext4')]);
    t.equal(sameBytes(at(`ext4-tree/${name}`), at('ext4-file-back')), '', name);
  }
  t.equal(
    sameBytes(at('back-other'), at('other-whole')),
    '',
    'what nobody knows is written whole, its holes too',
  );
  t.equal(readFileSync(medium)[diskBytes], 0xa5, 'nothing is written behind the image');
  const whole = await flashTo(medium, disk, { everything: true });
  t.match(whole, { map: 'all', mappedBytes: statSync(disk).size });
  truncateSync(medium, statSync(disk).size);
  t.equal(sameBytes(disk, medium), '', 'every byte when that is asked for');
});

tap.test('a file system that must not be believed is written whole', async (t: Test) => {
  const wrong = at('wrong.img');
  const mapped = async (damage: () => void): Promise<number> => {
    copyFileSync(disk, wrong);
    damage();
    const { mappedBytes } = await flashTo(usedMedium(at('medium'), diskBytes), wrong);
    return mappedBytes;
  };
  const sound = await mapped(() => {});
  const superblock = parts.ext4.start + 1024;
  const damages: Readonly<Record<string, () => void>> = {
    'a bitmap that does not fit its counter': () => {
      const [, block] = /Block bitmap at (\d+)/.exec(sh('dumpe2fs', [at('ext4')])) ?? [];
      flipByte(wrong, parts.ext4.start + Number(block) * blockSize() + 3);
    },
    'not unmounted': () => flipByte(wrong, superblock + 58),
    'claims more blocks than the partition has': () => flipByte(wrong, superblock + 6),
  };
  for (const [what, damage] of Object.entries(damages))
    t.equal((await mapped(damage)) > sound + 12 * mebibyte, true, what);
  t.ok(
    (await mapped(() => flipByte(wrong, parts.fat.start + 13))) > sound + 25 * mebibyte,
    'a FAT of odd clusters',
  );
});

function blockSize(): number {
  return Number(/Block size:\s+(\d+)/.exec(sh('dumpe2fs', ['-h', at('ext4')]))?.[1]);
}

tap.test('an image without partitions: its holes say what is needed', async (t: Test) => {
  const holey = at('holey.bin');
  sparse(holey, 64 * mebibyte);
  const data = randomBytes(mebibyte);
  sh('dd', [`of=${holey}`, 'bs=1M', 'seek=7', 'conv=notrunc', 'iflag=fullblock'], data);
  const report = await flashTo(at('new-file'), holey, { create: true });
  t.match(report, { map: 'holes' });
  t.ok(report.mappedBytes < 3 * mebibyte, `${report.mappedBytes} bytes`);
  t.equal(sameBytes(holey, at('new-file')), '');
  rmSync(at('new-file'));
});

tap.test('a size that is no whole number of sectors', async (t: Test) => {
  const odd = at('odd.bin');
  for (const size of [1, 511, 4097, 3 * mebibyte + 513]) {
    writeFileSync(odd, randomBytes(size));
    t.match(await flashTo(at('new-file'), odd, { create: true }), { imageBytes: size });
    t.equal(sameBytes(odd, at('new-file')), '', `${size} bytes to a new file`);
    rmSync(at('new-file'));
    const medium = usedMedium(at('small-medium'), 4 * mebibyte);
    await flashTo(medium, odd);
    t.same(readFileSync(medium).subarray(0, size), readFileSync(odd), `${size} bytes to a medium`);
    t.equal(readFileSync(medium)[size], 0xa5, 'and not one more');
  }
});

tap.test('block maps of bmap-tools', async (t: Test) => {
  const map = await readBmap('made.bmap', { cwd: folder });
  const medium = usedMedium(at('medium'), 70 * mebibyte);
  const report = await flashTo(medium, disk, { map });
  t.match(report, { map: 'bmap', verified: 'direct' });
  sh('bmaptool', ['copy', '--bmap', at('made.bmap'), disk, at('by-bmaptool')]);
  await flashTo(at('by-us'), disk, { map, create: true });
  t.equal(sameBytes(at('by-us'), at('by-bmaptool')), '', 'the same as bmaptool writes');

  const text = readFileSync(at('made.bmap'), 'utf8');
  const broken: Readonly<Record<string, string>> = {
    'its own checksum does not fit': text.replace(/<Range/, '<Range '),
    'it is no whole bmap file': text.slice(0, -20),
    'newer than 2.0': text.replace('version="2.0"', 'version="3.0"'),
    'no multiple of 4096': text.replace(/<BlockSize> *4096/, '<BlockSize> 512'),
    'do not make an image': text.replace(/<ImageSize> *\d+/, '<ImageSize> 5'),
  };
  for (const [why, wrong] of Object.entries(broken))
    t.throws(() => parseBmap(Buffer.from(wrong), 'x.bmap'), {
      code: 'flash.bmap-invalid',
      message: new RegExp(why),
    });
  const unsigned = (from: RegExp, to: string): Buffer =>
    Buffer.from(text.replace(/ *<BmapFileChecksum>.*\n/, '').replace(from, to));
  t.match(
    parseBmap(unsigned(/^$/, ''), 'x'),
    { ranges: map.ranges },
    'a map without a checksum of its own is read',
  );
  for (const [why, from, to] of [
    ['out of order', /> *0(-\d+)? *</, '> 900000 <'],
    ['is no sha256', /chksum="../, 'chksum="'],
    ['and it says', /<MappedBlocksCount> *\d/, '<MappedBlocksCount> 1'],
    ['cannot be read', /<Range [^>]*>/, '<Range x>'],
  ] as const)
    t.throws(() => parseBmap(unsigned(from, to), 'x'), {
      code: 'flash.bmap-invalid',
      message: new RegExp(why),
    });
  t.throws(() => parseBmap(Buffer.from('<!--'.repeat(1_000_000)), 'x'), { code: 'flash.bmap-invalid' });

  t.same(bmapNames('/a/b.img.gz'), ['/a/b.img.gz.bmap', '/a/b.img.bmap', '/a/b.bmap']);
  t.same(bmapNames('https://h/b.img?key=1'), ['https://h/b.img.bmap?key=1', 'https://h/b.bmap?key=1']);
  t.equal(await findBmap('disk.img', { cwd: folder }), undefined, 'made.bmap is not beside disk.img');
  await t.rejects(readBmap('none.bmap', { cwd: folder }), { code: 'flash.bmap-missing' });
});

tap.test('an image that is not the one of its map', async (t: Test) => {
  const map = await readBmap('made.bmap', { cwd: folder });
  copyFileSync(disk, at('other.img'));
  flipByte(at('other.img'), parts.ext4.start + 1100);
  const medium = usedMedium(at('medium'), 70 * mebibyte);
  await t.rejects(flashTo(medium, 'other.img', { map }), { code: 'flash.image-differs', blame: 'config' });
  await t.rejects(flashTo(medium, 'other.img', { map, verify: false }), { code: 'flash.image-differs' });
  const progress = new FlashProgress((phase) => {
    if (phase === 'verify') flipByte(medium, parts.ext4.start + 1100);
  });
  await t.rejects(
    flashTo(medium, disk, { map, progress }),
    { code: 'flash.read-back-differs', blame: 'rig' },
    'the image is right, and the medium is not',
  );
  copyFileSync(disk, at('other.img'));
  truncateSync(at('other.img'), 30 * mebibyte);
  await t.rejects(flashTo(medium, 'other.img', { map }), { code: 'flash.bmap-other-image' });
  sh('gzip', ['-1', '-k', at('other.img')]);
  await t.rejects(flashTo(medium, 'other.img.gz', { map }), { code: 'flash.image-truncated' });
});

tap.test('packed images, with a map and without', async (t: Test) => {
  const map = await readBmap('made.bmap', { cwd: folder });
  const raw = sh('sha256sum', [disk]).split(' ')[0];
  for (const [ending, path] of packages) {
    const whole = await flashTo(at(`new-${ending}`), path, { create: true, hashWhole: true });
    t.match(whole, { map: 'all', sha256: raw, imageBytes: statSync(disk).size }, ending);
    t.equal(sameBytes(disk, at(`new-${ending}`)), '', ending);
    t.ok(
      whole.writtenBytes < 30 * mebibyte,
      `${ending}: zeros are not written to a file that has them already`,
    );
    rmSync(at(`new-${ending}`));
    const mapped = await flashTo(at(`new-${ending}`), path, { create: true, map });
    t.match(mapped, { map: 'bmap' });
    t.equal(sameBytes(at('by-us'), at(`new-${ending}`)), '', `${ending} with a map`);
    rmSync(at(`new-${ending}`));
  }
  const medium = usedMedium(at('medium'), diskBytes);
  await flashTo(medium, packages.get('zst') ?? '');
  t.equal(sameBytes(disk, medium), '', 'zeros are written to a medium that has something else');
});

tap.test('zstd by the library, as the program does it', async (t: Test) => {
  const library = await zstdLibrary();
  if (!library) {
    t.pass('this host has no libzstd: the program takes its place');
    return;
  }
  const zstd = (bytes: Uint8Array): Buffer => execFileSync('zstd', ['-qc'], { input: bytes });
  const skippable = Buffer.from('502a4d1804000000aaaaaaaa', 'hex');
  const [small, large] = [Buffer.from('one frame'), randomBytes(700_000)];
  const frames = Buffer.concat([zstd(small), skippable, zstd(Buffer.alloc(3 << 20)), zstd(large)]);
  const inPieces = async function* (bytes: Buffer, length: number): AsyncGenerator<Uint8Array, void> {
    for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
  };
  const unpack = async (bytes: Buffer, length = bytes.length, signal?: AbortSignal): Promise<Buffer> => {
    const chunks: Buffer[] = [];
    for await (const chunk of unzstd(library, inPieces(bytes, length), { signal }))
      chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  };
  const all = Buffer.concat([small, Buffer.alloc(3 << 20), large]);
  for (const length of [997, 4096, frames.length])
    t.ok((await unpack(frames, length)).equals(all), `in pieces of ${length}`);
  // RFC 8878, 3.1.1: a window of 128 KiB, no checksum, blocks as they are, the last of which does not fit the output.
  const blockBytes = 100 * 1024;
  const block = (last: boolean): Buffer => {
    const header = Buffer.alloc(3);
    header.writeUIntLE(blockBytes * 8 + (last ? 1 : 0), 0, 3);
    return Buffer.concat([header, large.subarray(0, blockBytes)]);
  };
  const uneven = Buffer.concat([Buffer.from('28b52ffd0038', 'hex'), block(false), block(false), block(true)]);
  t.equal(
    (await unpack(uneven)).length,
    3 * blockBytes,
    'what is left in the decoder when the input is over',
  );
  await t.rejects(unpack(frames.subarray(0, -1)), new ZstdError('unexpected end of the file'));
  await t.rejects(
    unpack(Buffer.concat([frames, Buffer.from('garbage')])),
    new ZstdError('Unknown frame descriptor'),
  );
  const reason = new Error('enough');
  await t.rejects(unpack(frames, 4096, AbortSignal.abort(reason)), reason);
  for await (const chunk of unzstd(library, inPieces(frames, 100), {})) {
    t.ok(chunk.length > 0, 'who stops early');
    break;
  }
});

tap.test('gzip without igzip', async (t: Test) => {
  const bin = at('bin');
  mkdirSync(bin);
  for (const program of ['gzip', 'setpriv']) symlinkSync(`/usr/bin/${program}`, join(bin, program));
  const { PATH } = process.env;
  process.env.PATH = bin;
  try {
    await flashTo(at('new-gz'), packages.get('gz') ?? '', { create: true });
  } finally {
    process.env.PATH = PATH;
  }
  t.equal(sameBytes(disk, at('new-gz')), '');
  rmSync(at('new-gz'));
});

tap.test('delta', async (t: Test) => {
  const medium = usedMedium(at('medium'), diskBytes);
  const first = await flashTo(medium, disk, { delta: true });
  t.equal(first.writtenBytes, first.mappedBytes, 'all of it to a medium that has nothing of it');
  t.match(await flashTo(medium, disk, { delta: true }), { writtenBytes: 0, verified: 'direct' });
  flipByte(medium, parts.ext4.start + 2000);
  const { writtenBytes } = await flashTo(medium, disk, { delta: true });
  t.equal(writtenBytes, 64 * 1024, 'what differs, and what it was read with');
  t.match(await flashTo(medium, packages.get('zst') ?? '', { delta: true, everything: true }), {
    verified: 'direct',
  });
  t.equal(sameBytes(disk, medium), '');
});

tap.test('images that are not right', async (t: Test) => {
  for (const [ending, path] of packages) {
    const broken = at(`broken.${ending}`);
    copyFileSync(path, broken);
    truncateSync(broken, Math.floor(statSync(path).size * 0.7));
    const medium = usedMedium(at('medium'), diskBytes);
    await t.rejects(
      flashTo(medium, broken),
      { code: 'flash.image-truncated', blame: 'config' },
      `${ending}, cut off`,
    );
    copyFileSync(path, broken);
    for (const place of [0.4, 0.5, 0.6]) flipByte(broken, Math.floor(statSync(path).size * place));
    await t.rejects(
      flashTo(medium, broken),
      { code: 'flash.image-corrupt', blame: 'config' },
      `${ending}, damaged`,
    );
    await t.rejects(
      flashTo(usedMedium(at('small-medium'), 4 * mebibyte), path),
      { code: 'flash.image-too-large' },
      ending,
    );
  }
  const refused: Readonly<Record<string, [name: string, content: Buffer | string]>> = {
    'flash.image-empty': ['nothing.img', ''],
    'flash.image-not-packed': ['page.img.xz', '<html>404</html>'],
    'flash.image-not-raw': ['virtual.img', Buffer.from('514649fb00000003', 'hex')],
  };
  for (const [code, [name, content]] of Object.entries(refused)) {
    writeFileSync(at(name), content);
    await t.rejects(flashTo(at('medium'), name), { code, blame: 'config' });
  }
  zipped(at('two.zip'), [disk, at('fat')]);
  await t.resolves(flashTo(at('new-zip'), 'two.zip', { create: true }), 'one of them is called .img');
  zipped(at('two.zip'), [at('ext4'), at('fat')]);
  await t.rejects(flashTo(at('medium'), 'two.zip'), { code: 'flash.image-ambiguous' });
  await t.rejects(flashTo(at('medium'), 'none.img'), { code: 'flash.image-missing' });
  await t.rejects(flashTo(at('medium'), folder), { code: 'flash.image-unreadable' });
  await t.rejects(flashTo(usedMedium(at('small-medium'), 4 * mebibyte), disk), {
    code: 'flash.image-too-large',
    evidence: { mediumBytes: 4 * mebibyte },
  });
  t.equal(readFileSync(at('small-medium'))[0], 0xa5, 'nothing was written: it was known before');
  await t.rejects(flashTo(at('left'), at('broken.gz'), { create: true }), { code: 'flash.image-corrupt' });
  t.throws(() => statSync(at('left')), { code: 'ENOENT' }, 'half a file of ours is removed');
});

tap.test('downloads', async (t: Test) => {
  const path = packages.get('xz') ?? '';
  const ending = '.img.xz';
  const get = async (
    manners: Parameters<typeof imageServer>[2],
    name = '/disk.img.xz',
  ): Promise<{ report: FlashReport; requests: readonly string[] }> => {
    await using server = await imageServer(path, ending, manners);
    rmSync(at('new-file'), { force: true });
    const report = await flashTo(at('new-file'), `${server.url}${name}`, { create: true });
    return { report, requests: server.requests };
  };
  t.equal((await get({}, '/moved/disk.img.xz')).requests.length, 2, 'a redirect is followed');
  t.equal(sameBytes(disk, at('new-file')), '');

  const cut = await get({ cutAfterBytes: Math.ceil(statSync(path).size / 3) });
  t.equal(sameBytes(disk, at('new-file')), '', 'a connection that breaks twice');
  t.match(cut.requests, [/xz$/, /bytes=\d+-$/, /bytes=\d+-$/], 'goes on where it was');
  await get({ first: { status: 503, times: 2 } });
  t.equal(sameBytes(disk, at('new-file')), '', 'a server that was busy');
  const third = Math.ceil(statSync(path).size / 3);
  await t.rejects(get({ cutAfterBytes: third, validator: false }), {
    code: 'flash.download-failed',
    blame: 'rig',
  });
  await t.rejects(get({ cutAfterBytes: third, changes: true }), { code: 'flash.download-changed' });
  t.match((await get({ cutAfterBytes: third, cuts: 1, ranges: false })).requests, { length: 2 });
  t.equal(sameBytes(disk, at('new-file')), '', 'a server that knows no ranges sends all of it again');
  await t.rejects(get({ first: { status: 403, times: 1 } }), {
    code: 'flash.image-missing',
    blame: 'config',
  });
  await t.rejects(get({}, '/other.iso'), { code: 'flash.image-missing' });

  await using server = await imageServer(at('made.bmap'), '.bmap');
  const map = await findBmap(`${server.url}/a.img.gz`, { cwd: folder });
  t.match(map, { origin: 'bmap', imageBytes: statSync(disk).size }, 'a map beside the address');
  t.equal(await findBmap(`${server.url}/x/`, { cwd: folder }).then((found) => found?.origin), 'bmap');
});

tap.test('what a runner and suites use', async (t: Test) => {
  const path = usedMedium(at('medium'), diskBytes);
  const image = { path: disk, sha256: '' };
  const drive = { path, sizeBytes: diskBytes };
  const first = await mediumWriter.write(image, drive, { delta: true });
  t.equal(first.writtenBytes, first.mappedBytes);
  t.match(await mediumWriter.write(image, drive, { delta: true }), { writtenBytes: 0 });
  await mediumWriter.verify(image, drive);
  flipByte(path, parts.other.start + 5);
  await t.rejects(mediumWriter.verify(image, drive), {
    code: 'flash.read-back-differs',
    blame: 'rig',
    evidence: { medium: path },
  });
});
