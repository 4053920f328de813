// Long because its parts share two images and a full cache, which cost more than the rest of a file.
// The image builder as real processes: other folders, users, umasks and time zones, without a network, on a full disk,
// two at once, aborted. What it makes is read back by the tools of Debian that have to understand it.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { buildImage } from '../qemu/image/build.js';
import { writeGpt } from '../qemu/image/gpt.js';
import { inspectImage } from '../qemu/image/inspect.js';
import { debianSources } from '../qemu/image/private-apt.js';
import { cacheDir } from '../rig/config/folders.js';
import { packageRoot } from '../rig/config/package.js';
import type { BuildRequest, BuiltImage } from '../rig/contracts/image-builder.js';

const cache = cacheDir(process.env);
const rig = join(packageRoot, 'dist/rig/cli/main.js');
const nobody = 65534;
/** Whoever tries to reach a network by this finds nothing. */
const noNetwork = { http_proxy: 'http://127.0.0.1:9', https_proxy: 'http://127.0.0.1:9' };
const folder = mkdtempSync(join(tmpdir(), 'boardrig-image-test-'));
chmodSync(folder, 0o755);
t.setTimeout(600_000);
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const sbin = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

const request = (arch: BuildRequest['arch'], variant: BuildRequest['variant'] = 'dev'): BuildRequest => ({
  flavour: 'tiny',
  arch,
  variant,
  version: '1.0.0',
});
const arm64 = await buildImage(request('arm64'), { cacheDir: cache });
const amd64 = await buildImage(request('amd64'), { cacheDir: cache });

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** `rig image build` in a process of its own, with that cache. */
function build(
  cacheHome: string,
  words: readonly string[],
  {
    umask = '022',
    env = {},
    uid,
  }: { umask?: string; env?: NodeJS.ProcessEnv; uid?: number | undefined } = {},
): Promise<Ended> {
  const script = `umask ${umask}; exec "$@"`;
  const args = [process.execPath, rig, 'image', 'build', 'tiny', '--json', ...words];
  const child = spawn('/bin/sh', ['-c', script, 'sh', ...args], {
    cwd: folder,
    env: { ...process.env, ...noNetwork, ...env, XDG_CACHE_HOME: cacheHome },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (text) => (out += text));
  child.stderr.on('data', (text) => (err += text));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

/** A cache in which nothing is built yet, with the packages and the key of the usual one, owned by `uid` if given. */
function freshCache(name: string, { uid }: { uid?: number | undefined } = {}): string {
  const home = join(folder, name);
  for (const part of ['packages', 'keys'])
    cpSync(join(cache, part), join(home, 'boardrig', part), { recursive: true });
  if (uid === undefined) return home;
  lchownSync(home, uid, uid);
  for (const path of readdirSync(home, { recursive: true })) lchownSync(join(home, String(path)), uid, uid);
  return home;
}

/** The user `nobody`, where we are root and that user can read the checkout. */
function otherUser(): number | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const { status } = spawnSync(process.execPath, [rig, '--version'], { uid: nobody, gid: nobody });
  return status === 0 ? nobody : undefined;
}

t.test(
  'equal inputs give equal images: other folder, user, umask, time zone, language, no network',
  async (t) => {
    const uid = otherUser();
    const home = freshCache('elsewhere', { uid });
    const env = { TZ: 'Pacific/Kiritimati', LC_ALL: 'C', HOME: '/nonexistent' };
    const options = { umask: '077', env, uid };
    // Two at once for one image: neither spoils the other, and one folder is left.
    const [first, second] = await Promise.all([
      build(home, ['--arch', 'arm64', '--no-cache'], options),
      build(home, ['--arch', 'arm64', '--no-cache'], options),
    ]);
    const third = await build(home, ['--arch', 'amd64', '--no-cache'], options);
    for (const [name, ended, usual] of [
      ['arm64', first, arm64],
      ['arm64, second process', second, arm64],
      ['amd64', third, amd64],
    ] as const) {
      t.equal(ended.code, 0, `${name}: ${ended.err}`);
      const image = JSON.parse(ended.out) as BuiltImage;
      t.equal(image.cached, false, `${name} was really built`);
      t.equal(image.sha256, usual.sha256, `${name} has the same hash`);
      t.equal(hashOf(image.path), usual.sha256, `${name} has the hash that it claims`);
      t.equal(statSync(image.path).mode & 0o777, 0o444, 'nobody can write the image');
      t.same(readFileSync(image.bmapPath), readFileSync(usual.bmapPath), 'and the same block map');
    }
    t.equal(readdirSync(join(home, 'boardrig/images')).length, 2, 'one folder an image');
    t.same(readdirSync(join(home, 'boardrig/work')), [], 'nothing is left of the work');
    const again = await build(home, ['--arch', 'arm64'], options);
    t.equal((JSON.parse(again.out) as BuiltImage).cached, true, 'the next one is taken from the cache');
  },
);

t.test('what the disk must hold is in the block map, zeros too', async (t) => {
  for (const image of [arm64, amd64]) {
    const target = join(folder, 'medium');
    // A medium that was used before: what is not in the map stays.
    writeFileSync(target, Buffer.alloc(image.sizeBytes, 0xa5));
    const ranges = [...readFileSync(image.bmapPath, 'utf8').matchAll(/chksum="(\w+)"> (\d+)(?:-(\d+))? </g)];
    const source = readFileSync(image.path);
    const medium = Buffer.alloc(image.sizeBytes, 0xa5);
    for (const [, checksum, first, last = first] of ranges) {
      const [from, to] = [Number(first) * 4096, (Number(last) + 1) * 4096];
      const bytes = source.subarray(from, to);
      t.equal(createHash('sha256').update(bytes).digest('hex'), checksum, `blocks ${first} to ${last}`);
      bytes.copy(medium, from);
    }
    writeFileSync(target, medium);
    checkFilesystems(t, target, medium);
    t.same((await inspectImage(target)).osRelease?.VERSION_ID, '1.0.0');
    const copied = join(folder, 'copied');
    const said = spawnSync('bmaptool', ['copy', '--bmap', image.bmapPath, image.path, copied], {
      encoding: 'utf8',
    });
    t.equal(said.status, 0, `bmaptool: ${said.stderr}`);
    t.equal(hashOf(copied), image.sha256, 'bmaptool makes the same disk of it');
    for (const file of [target, copied]) rmSync(file);
  }
});

/** By the checkers of Debian; nothing is mounted. */
function checkFilesystems(t: Test, file: string, disk: Buffer): void {
  const verified = spawnSync('sfdisk', ['--verify', file], { encoding: 'utf8', env: sbin });
  t.match(verified.stdout, /No errors detected/, verified.stderr);
  const table = JSON.parse(execFileSync('sfdisk', ['--json', file], { encoding: 'utf8', env: sbin }));
  const partitions = table.partitiontable.partitions as { name: string; start: number; size: number }[];
  t.same(
    partitions.map(({ name }) => name),
    ['resin-boot', 'resin-rootA', 'resin-rootB', 'resin-state', 'resin-data'],
  );
  for (const { name, start, size } of partitions) {
    const part = join(folder, 'partition');
    writeFileSync(part, disk.subarray(start * 512, (start + size) * 512));
    const checker = name === 'resin-boot' ? ['fsck.vfat', '-n', part] : ['e2fsck', '-f', '-n', part];
    const [program = '', ...args] = checker;
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env: sbin });
    t.equal(status, 0, `${program} finds nothing wrong with ${name}: ${stdout}${stderr}`);
    const fatKind = disk.toString('latin1', start * 512 + 82, start * 512 + 90);
    if (name === 'resin-boot') t.equal(fatKind, 'FAT32   ');
    rmSync(part);
  }
}

t.test('files of the root belong to root and have modes of their own', async (t) => {
  const rootOffset = (await inspectImage(arm64.path)).partitions[1]?.startBytes ?? 0;
  const list = (path: string): string =>
    execFileSync('debugfs', ['-R', `ls -l ${path}`, `${arm64.path}?offset=${rootOffset}`], {
      encoding: 'utf8',
      env: sbin,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  const modes = { '/etc/shadow': '100600', '/tmp': '41777', '/root': '40700', '/bin/busybox': '100755' };
  for (const [path, mode] of Object.entries(modes)) {
    const cut = path.lastIndexOf('/');
    const line = list(path.slice(0, cut) || '/')
      .split('\n')
      .find((one) => one.endsWith(` ${path.slice(cut + 1)}`));
    t.match(line ?? '', new RegExp(`^ +\\d+ +${mode} \\(\\d+\\) +0 +0 `), `${path}: ${line}`);
  }
});

t.test('inspect tells of any file what it can, and nothing secret', async (t) => {
  const facts = await inspectImage(arm64.path);
  t.match(facts, { sha256: arm64.sha256, arch: 'arm64', variant: 'dev', version: '1.0.0', manifest: true });
  t.same(
    facts.partitions.map(({ label, filesystem }) => `${label} ${filesystem}`),
    ['resin-boot vfat', 'resin-rootA ext4', 'resin-rootB ext4', 'resin-state ext4', 'resin-data ext4'],
  );
  const own = join(folder, 'own.img');
  execFileSync('cp', ['--sparse=always', amd64.path, own]);
  chmodSync(own, 0o644);
  const config = {
    hostname: 'x',
    deviceApiKey: 'hidden',
    wifi: [{ ssid: 'lab', psk: 'hidden' }],
    os: { sshKeys: ['ssh-ed25519 AAAA'] },
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  const boot = (facts.partitions[0]?.startBytes ?? 0).toString();
  execFileSync('mcopy', ['-o', '-i', `${own}@@${boot}`, join(folder, 'config.json'), '::config.json']);
  const without = await inspectImage(own);
  t.equal(without.manifest, false, 'an image without a manifest is read itself');
  t.equal(without.arch, 'amd64', 'its architecture by a program in it');
  t.equal(without.variant, 'dev');
  t.equal(without.sha256, hashOf(own));
  t.same(without.config, {
    hostname: 'x',
    deviceApiKey: '***',
    wifi: [{ ssid: 'lab', psk: '***' }],
    os: { sshKeys: ['ssh-ed25519 AAAA'] },
  });
  // A table that lies about where its partitions are must not be followed off the end.
  const lying = writeGpt(
    [
      {
        number: 1,
        name: 'x',
        typeGuid: facts.diskId ?? '',
        guid: facts.diskId ?? '',
        startBytes: 2 ** 40,
        sizeBytes: 512,
      },
    ],
    { diskGuid: facts.diskId ?? '', diskBytes: 2 ** 41 },
  );
  const strange: Record<string, [bytes: Buffer, format: string, partitions: number]> = {
    empty: [Buffer.alloc(0), 'unknown', 0],
    text: [Buffer.from('no disk image'), 'unknown', 0],
    truncated: [readFileSync(own).subarray(0, 1500), 'raw', 0],
    lying: [lying.front, 'raw', 1],
    packed: [Buffer.from('1f8b0800', 'hex'), 'gzip', 0],
  };
  for (const [name, [bytes, format, partitions]] of Object.entries(strange)) {
    const file = join(folder, name);
    writeFileSync(file, bytes);
    const found = await inspectImage(file);
    t.match(found, { path: file, sizeBytes: bytes.length, sha256: hashOf(file), format }, name);
    t.equal(found.partitions.length, partitions, name);
    t.equal(found.arch, undefined);
  }
  await t.rejects(inspectImage(join(folder, 'nothing')), { code: 'image.missing', blame: 'config' });
  rmSync(own);
});

t.test('an image that was changed is not taken for the built one', async (t) => {
  const home = join(folder, 'copies');
  const ended = await build(process.env.XDG_CACHE_HOME ?? join(process.env.HOME ?? '', '.cache'), [
    '--output',
    home,
  ]);
  t.equal(ended.code, 0, ended.err);
  const copy = JSON.parse(ended.out) as BuiltImage;
  const untouched = await inspectImage(copy.path);
  t.equal(untouched.manifest, true);
  t.equal(untouched.sshKeyFile, copy.sshKeyFile, 'the key lies beside it');
  chmodSync(copy.path, 0o644);
  const disk = readFileSync(copy.path);
  disk.write('changed', disk.length - 1024 * 1024);
  writeFileSync(copy.path, disk);
  const changed = await inspectImage(copy.path);
  t.equal(changed.manifest, false);
  t.not(changed.sha256, arm64.sha256);
});

t.test('what goes wrong is said clearly and leaves nothing half-made', async (t) => {
  const empty = join(folder, 'empty-cache');
  const cut = await build(empty, []);
  t.equal(cut.code, 3);
  t.match(cut.err, /Cannot read Debian's package lists/);
  t.same(readdirSync(join(empty, 'boardrig/work')), []);
  t.notOk(existsSync(join(empty, 'boardrig/images')));

  // A PATH on which only Node is found, next to the folders for system tools that are always searched.
  const bare = await build(empty, [], { env: { PATH: join(folder, 'no-programs') } });
  t.equal(bare.code, 3);
  t.match(bare.err, /Cannot build an image without .*apt-get[\s\S]*apt-get install .*\bapt\b.*\bmtools\b/);

  const damaged = freshCache('damaged');
  const packages = join(damaged, 'boardrig/packages');
  const deb = readdirSync(packages).find((name) => name.startsWith('dropbear-bin-')) ?? '';
  writeFileSync(join(packages, deb), 'not a package');
  const spoilt = await build(damaged, deb === '' ? [] : ['--no-cache', '--arch', archOf(deb)]);
  t.equal(spoilt.code, 3);
  t.match(spoilt.err, /cached package dropbear-bin .* is damaged/);
  t.notOk(existsSync(join(packages, deb)), 'and gone, so that the next build gets it again');

  for (const [words, message] of [
    [['--arch', 'mips'], /Unknown --arch "mips"/],
    [['--variant', 'test'], /Unknown --variant "test"/],
    [['--image-version', '1; reboot'], /Cannot build an image of version "1; reboot"/],
  ] as const) {
    const refused = await build(empty, words);
    t.equal(refused.code, 2, words.join(' '));
    t.match(refused.err, message);
  }
});

/** The cache holds packages of both architectures under the same names; the record says whose a file is. */
function archOf(deb: string): string {
  const sha256 = deb.replace(/^.*-([0-9a-f]{64})\.deb$/, '$1');
  const records = readdirSync(join(cache, 'packages')).filter((name) => name.endsWith('.json'));
  const record = records.find((name) => readFileSync(join(cache, 'packages', name), 'utf8').includes(sha256));
  return record?.split('-')[0] ?? 'arm64';
}

t.test('an aborted build ends at once and cleans up', async (t) => {
  const home = join(freshCache('aborted'), 'boardrig');
  const abort = new AbortController();
  const building = buildImage(request('arm64'), {
    cacheDir: home,
    signal: abort.signal,
    progress: (line) => {
      if (line.startsWith('making')) abort.abort('SIGTERM');
    },
  });
  await t.rejects(building, 'SIGTERM');
  t.same(readdirSync(join(home, 'work')), []);
  t.notOk(existsSync(join(home, 'images')));
});

t.test('a full disk is named as the cause', async (t) => {
  const mountPoint = join(folder, 'small');
  mkdirSync(mountPoint);
  const inNamespace = ['--user', '--map-root-user', '--mount', '/bin/sh', '-c'];
  if (spawnSync('unshare', [...inNamespace, `mount -t tmpfs none ${mountPoint}`]).status !== 0)
    return void t.plan(0, 'this host lets nobody mount a small file system');
  const script = `mount -t tmpfs -o size=60m none "$0" && mkdir "$0/boardrig" && cp -r "$1" "$0/boardrig/keys" &&
    ln -s "$2" "$0/boardrig/packages" && shift 2 && exec "$@"`;
  const ended = spawnSync(
    'unshare',
    [
      ...inNamespace,
      script,
      mountPoint,
      join(cache, 'keys'),
      join(cache, 'packages'),
      process.execPath,
      rig,
    ].concat(['image', 'build', 'tiny']),
    { encoding: 'utf8', env: { ...process.env, ...noNetwork, XDG_CACHE_HOME: mountPoint } },
  );
  t.equal(ended.status, 3, ended.stderr);
  t.match(ended.stderr, /the disk is full[\s\S]*XDG_CACHE_HOME/);
});

t.test("only this host's sources of Debian itself are asked, for any architecture", async (t) => {
  const apt = join(folder, 'apt');
  mkdirSync(join(apt, 'sources.list.d'), { recursive: true });
  t.throws(() => debianSources(apt), { code: 'image.no-sources' });
  writeFileSync(
    join(apt, 'sources.list'),
    [
      '# deb http://old.invalid/debian bookworm main',
      'deb [arch=amd64 signed-by=/k.gpg] http://a.invalid/debian bookworm main contrib',
      'deb [arch=amd64] http://b.invalid/security bookworm-security main',
      'deb-src http://a.invalid/debian bookworm main',
      'deb http://vendor.invalid/linux bookworm stable',
      'deb http://vendor.invalid/pgdg bookworm-pgdg main',
      '',
    ].join('\n'),
  );
  writeFileSync(
    join(apt, 'sources.list.d/some.sources'),
    'Types: deb\nURIs: http://c.invalid/debian\nSuites: bookworm bookworm-updates\nComponents: main\nArchitectures: amd64\nSigned-By: /k.gpg\n\nTypes: deb\nURIs: http://node.invalid\nSuites: nodistro\nComponents: main\n',
  );
  writeFileSync(join(apt, 'sources.list.d/off.sources.disabled'), 'Suites: bookworm\nComponents: main\n');
  t.same(debianSources(apt), [
    {
      name: 'sources.list',
      text: 'deb [ signed-by=/k.gpg] http://a.invalid/debian bookworm main contrib\ndeb http://b.invalid/security bookworm-security main\n',
    },
    {
      name: 'sources.list.d-some.sources',
      text: 'Types: deb\nURIs: http://c.invalid/debian\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: /k.gpg\n',
    },
  ]);
});

t.test("config.json's reader on the board takes JSON and nothing else", async (t) => {
  const unpacked = join(folder, 'busybox');
  const records = readdirSync(join(cache, 'packages'));
  const record = records.find((name) => name.startsWith('amd64-') && name.endsWith('.json')) ?? '';
  const known = JSON.parse(readFileSync(join(cache, 'packages', record), 'utf8')) as {
    name: string;
    sha256: string;
  }[];
  const busybox = known.find(({ name }) => name === 'busybox-static');
  const deb = join(cache, 'packages', `busybox-static-${busybox?.sha256}.deb`);
  execFileSync('dpkg-deb', ['-x', deb, unpacked]);
  if (spawnSync(join(unpacked, 'bin/busybox'), ['true']).status !== 0)
    return void t.plan(0, 'this host cannot run the board’s own awk');
  const read = (text: string): string | undefined => {
    const file = join(folder, 'some.json');
    writeFileSync(file, text);
    const awk = ['awk', '-f', join(packageRoot, 'qemu/image/guest/json.awk'), file];
    const { status, stdout } = spawnSync(join(unpacked, 'bin/busybox'), awk, { encoding: 'utf8' });
    return status === 0 ? stdout : undefined;
  };
  t.equal(
    read('{"hostname": "a-1", "os": {"sshKeys": ["k 1", "k\\"2"]}}'),
    'hostname\ta-1\nos.sshKeys.0\tk 1\nos.sshKeys.1\tk"2\n',
  );
  t.equal(
    read('{"nested": {"hostname": "no"}, "n": [1, -2.5e3, true, null, {}, []]}')?.split('\n')[0],
    'nested.hostname\tno',
  );
  for (const sound of [
    '{}',
    '[]',
    ' {"a" :\n\t1 }\n',
    '"text"',
    '{"a": "\\u00e4\\n"}',
    '{"a":{"b":{"c":[[[1]]]}}}',
  ])
    t.not(read(sound), undefined, sound);
  for (const broken of [
    '',
    '{',
    '{"a": 1,}',
    '{"a" 1}',
    '{a: 1}',
    "{'a': 1}",
    '{"a": 01}',
    '[1 2]',
    '{"a": "x',
    '{} {}',
    '{"a": "\\x"}',
    '{"a": nul}',
  ])
    t.equal(read(broken), undefined, `refused: ${broken}`);
  t.notMatch(
    read('{"a": "one\\ntwo\\thostname\\tevil"}') ?? '',
    /evil/,
    'a value with a line break is dropped',
  );
});

function hashOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
