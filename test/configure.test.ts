// test: light
// Long because its parts share the makers of images and the command that they run.
// rig configure and rig image inspect as programs, on images that Debian's own tools made: both partition tables, every
// FAT, long names; images that lie; a disk that is full; killed at any moment.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../rig/config/package.js';
import { changedConfig, parseAssignment } from '../rig/image/config-json.js';
import { maskKeyfile, wifiKeyfile } from '../rig/image/keyfile.js';

const rig = join(packageRoot, 'dist/rig/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'boardrig-configure-test-'));
t.setTimeout(300_000);
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin`, MTOOLS_SKIP_CHECK: '1' };
const mebibyte = 1024 * 1024;
const publicKey =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPdKKm6rjNv1rJz0m9Vv1F3o1u6o2Xh8v6m0qVJw5d3T lab@bench';

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function run(words: readonly string[], { input }: { input?: string } = {}): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [rig, ...words], {
    cwd: folder,
    env,
    encoding: 'utf8',
    ...(input === undefined ? {} : { input }),
  });
  return { code: status, out: stdout, err: stderr };
}

function tool(program: string, args: readonly string[], input = ''): string {
  return execFileSync(program, args, { env, input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
}

const gptDisk =
  'label: gpt\nstart=2048, size=98304, type=uefi, name=resin-boot\nstart=100352, size=20480, type=linux, name=data\n';

/** A sparse disk with that table, and on it a FAT of that kind at `startBytes`. */
function disk(
  name: string,
  { table = gptDisk, fat = 32, startBytes = mebibyte, sizeBytes = 48 * mebibyte, label = 'BOOT' } = {},
): string {
  const path = join(folder, name);
  writeFileSync(path, '');
  truncateSync(path, 64 * mebibyte);
  tool('sfdisk', ['-q', path], table);
  const part = join(folder, 'part');
  rmSync(part, { force: true });
  writeFileSync(part, '');
  truncateSync(part, sizeBytes);
  tool('mkfs.vfat', ['-F', String(fat), ...(fat === 32 ? ['-s', '1'] : []), '-n', label, part]);
  writeFileSync(join(folder, 'config'), '{"deviceType":"x","unknown":{"kept":[1,2]}}\n');
  tool('mcopy', ['-i', part, join(folder, 'config'), '::config.json']);
  tool('mcopy', ['-i', part, join(folder, 'config'), '::a file with a long name.txt']);
  tool('dd', [
    `if=${part}`,
    `of=${path}`,
    'bs=1M',
    `seek=${startBytes / mebibyte}`,
    'conv=notrunc,sparse',
    'status=none',
  ]);
  return path;
}

function read(image: string, file: string, startBytes = mebibyte): string {
  return tool('mtype', ['-i', `${image}@@${startBytes}`, `::${file}`]);
}

function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** What fsck.vfat says of the partition; empty when all is well. */
function fsck(image: string, startBytes = mebibyte, sizeBytes = 48 * mebibyte): string {
  const part = join(folder, 'checked');
  const bytes = readFileSync(image).subarray(startBytes, startBytes + sizeBytes);
  writeFileSync(part, bytes);
  const { status, stdout } = spawnSync('fsck.vfat', ['-n', part], { env, encoding: 'utf8' });
  return status === 0 ? '' : stdout;
}

t.test('both partition tables, every FAT: what was asked for is there, the rest stays', async (t) => {
  const mbr = (type: string): string =>
    `label: dos\nstart=2048, size=32768, type=${type}\nsize=2048, type=83\n`;
  const shapes = {
    'GPT, FAT32': {},
    'GPT, FAT16': { fat: 16 },
    'MBR, FAT32': { table: 'label: dos\nstart=2048, size=98304, type=c\n' },
    'MBR, FAT16': { table: mbr('e'), fat: 16, sizeBytes: 16 * mebibyte },
    'MBR, FAT12': { table: mbr('1'), fat: 12, sizeBytes: 4 * mebibyte },
    'MBR, FAT16 in a logical partition': {
      table:
        'label: dos\nstart=2048, size=2048, type=83\nstart=4096, type=5\nstart=6144, size=2048, type=83\nstart=10240, size=32768, type=e\n',
      fat: 16,
      startBytes: 5 * mebibyte,
      sizeBytes: 16 * mebibyte,
    },
  };
  for (const [what, shape] of Object.entries(shapes)) {
    const image = disk('shape.img', shape);
    const { startBytes = mebibyte, sizeBytes = 48 * mebibyte } = shape as {
      startBytes?: number;
      sizeBytes?: number;
    };
    const before = readFileSync(image);
    const { code, err } = run([
      'configure',
      image,
      '--hostname',
      'desk-7',
      '--ssid',
      'lab net',
      '--network-key',
      'a key of eight',
      '--set',
      'os.network.country=DE',
      '--persistent-logging',
    ]);
    t.equal(code, 0, `${what}: ${err}`);
    t.same(
      JSON.parse(read(image, 'config.json', startBytes)),
      {
        deviceType: 'x',
        unknown: { kept: [1, 2] },
        hostname: 'desk-7',
        persistentLogging: true,
        os: { network: { country: 'DE' } },
      },
      what,
    );
    t.match(read(image, 'system-connections/rig-wifi', startBytes), 'psk=a key of eight\n', what);
    t.match(read(image, 'a file with a long name.txt', startBytes), 'deviceType', what);
    t.equal(fsck(image, startBytes, sizeBytes), '', what);
    const after = readFileSync(image);
    t.ok(
      before.subarray(0, startBytes).equals(after.subarray(0, startBytes)),
      `${what}: nothing before the partition`,
    );
    const end = startBytes + sizeBytes;
    t.ok(before.subarray(end).equals(after.subarray(end)), `${what}: nothing behind it`);
    t.same(
      readdirSync(folder).filter((name) => name.includes('.configure-')),
      [],
      'nothing is left of the work',
    );
  }
});

t.test('a copy leaves the image alone, sparse, with a block map and manifest that are true', async (t) => {
  const image = disk('original.img');
  const before = hashOf(image);
  tool('bmaptool', ['create', '-o', join(folder, 'original.bmap'), image]);
  chmodSync(image, 0o444);
  const { code, out, err } = run([
    'configure',
    image,
    '--output',
    'copy.img',
    '--hostname',
    'copy',
    '--json',
  ]);
  t.equal(code, 0, err);
  t.match(JSON.parse(out), {
    files: ['config.json'],
    partition: { number: 1, name: 'resin-boot', type: 'FAT32' },
  });
  t.equal(hashOf(image), before);
  const copy = join(folder, 'copy.img');
  t.match(read(copy, 'config.json'), '"copy"');
  t.ok(statSync(copy).blocks * 512 < 8 * mebibyte, `${statSync(copy).blocks * 512} bytes on the disk`);
  tool('bmaptool', ['copy', copy, join(folder, 'flashed')]);
  t.equal(
    hashOf(join(folder, 'flashed')),
    hashOf(copy),
    'bmaptool writes the whole of it by the map and verifies',
  );
  const refused = run(['configure', image, '--hostname', 'other']);
  t.equal(refused.code, 2, 'in place it is refused, since it is read-only');
  t.match(refused.err, '--output');
  const link = join(folder, 'link.img');
  symlinkSync(copy, link);
  t.equal(run(['configure', link, '--hostname', 'linked']).code, 0);
  t.match(read(copy, 'config.json'), '"linked"', 'through a link the file changes, and the link stays');
});

t.test('the second time there is nothing to do; keys are added once; a key can be removed', async (t) => {
  const image = disk('again.img');
  writeFileSync(join(folder, 'keys.pub'), `# mine\n${publicKey}\n`);
  const words = ['configure', image, '--ssh-key', 'keys.pub', '--ssid', 'open net'];
  t.equal(run(words).code, 0);
  const first = hashOf(image);
  const second = run([...words, '--ssh-key', publicKey]);
  t.match(second.out, 'nothing to change');
  t.equal(hashOf(image), first);
  t.notMatch(read(image, 'system-connections/rig-wifi'), 'wifi-security', 'a network without a key is open');
  t.equal(run(['configure', image, '--unset', 'unknown.kept.0', '--unset', 'deviceType']).code, 0);
  t.same(JSON.parse(read(image, 'config.json')), { unknown: { kept: [2] }, os: { sshKeys: [publicKey] } });
});

t.test('wrong settings are told all at once, no secret among them, and nothing changes', async (t) => {
  const image = disk('wrong.img');
  const before = hashOf(image);
  writeFileSync(join(folder, 'no connection'), 'hello\n');
  const words = [
    '--hostname',
    '-x',
    '--ssid',
    'y'.repeat(33),
    '--network-key-file',
    '-',
    '--ssh-key',
    'ssh-rsa x',
  ];
  const { code, err } = run(
    ['configure', image, ...words, '--connection', 'no connection', '--set', 'os.network.country=Germany'],
    { input: 'short\n' },
  );
  t.equal(code, 2);
  for (const part of [
    '"-x" is no host name',
    '33 bytes',
    'key has 5 characters',
    'no public ssh key',
    'neither a [section]',
    'two capital letters',
  ])
    t.match(err, part);
  t.notMatch(err, 'short');
  const cases: readonly (readonly [string[], string])[] = [
    [['--network-key', 'a key of eight'], 'need --ssid'],
    [['--set', 'deviceType.x=1'], 'deviceType is "x", which holds no keys'],
    [['--set', 'unknown.kept.9=1'], 'no place in it'],
    [['--set', '__proto__.x=1'], 'no key of a configuration'],
    [['--set', 'novalue'], 'no assignment'],
    [['--partition', 'other', '--hostname', 'x'], 'no FAT partition is called "other": 1 resin-boot'],
    [[], 'no terminal to ask on'],
  ];
  for (const [options, message] of cases) {
    const ended = run(['configure', image, ...options]);
    t.equal(ended.code, 2, options.join(' '));
    t.match(ended.err, message);
  }
  t.equal(hashOf(image), before);
});

/** A FAT32 whose table names, for `cluster`, itself as the next one. */
function ring(image: string, cluster: number): void {
  const boot = readFileSync(image).subarray(mebibyte, mebibyte + 512);
  const reserved = boot.readUInt16LE(14);
  const tableSectors = boot.readUInt32LE(36);
  const file = openSync(image, 'r+');
  const entry = Buffer.alloc(4);
  entry.writeUInt32LE(cluster);
  for (const table of [0, 1])
    writeSync(file, entry, 0, 4, mebibyte + (reserved + table * tableSectors) * 512 + cluster * 4);
}

t.test('an image that lies ends in a clear error and is left as it was', async (t) => {
  const bytes = (image: string, at: number, values: readonly number[]): void => {
    writeSync(openSync(image, 'r+'), Buffer.from(values), 0, values.length, at);
  };
  const hostile: Readonly<Record<string, readonly [string, (image: string) => void]>> = {
    'a root folder that is a ring': ['Circular cluster chain', (image) => ring(image, 2)],
    'a file that is a ring': ['Circular cluster chain', (image) => ring(image, 3)],
    'a FAT larger than its partition': [
      'claims 1090921693184 bytes',
      (image) => bytes(image, mebibyte + 32, [0, 0, 0, 0x7f]),
    ],
    'a cut image': ['behind the end of the image at 20971520', (image) => truncateSync(image, 20 * mebibyte)],
    'no FAT where the partition begins': [
      'none of its partitions is FAT: 1 resin-boot',
      (image) => bytes(image, mebibyte, Array(512).fill(0x5a)),
    ],
    'clusters of no size': ['none of its partitions is FAT', (image) => bytes(image, mebibyte + 13, [0])],
    'no table': ['no partition table', (image) => bytes(image, 0, Array(32 * 512).fill(0))],
    'a packed image': ['packed as xz', (image) => bytes(image, 0, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0])],
    'an empty file': ['no partition table', (image) => truncateSync(image, 0)],
    'a configuration that is no JSON': [
      'it is not JSON',
      (image) => {
        writeFileSync(join(folder, 'broken'), '{"a":');
        tool('mcopy', ['-o', '-i', `${image}@@${mebibyte}`, join(folder, 'broken'), '::config.json']);
      },
    ],
  };
  for (const [what, [message, spoil]] of Object.entries(hostile)) {
    const image = disk('hostile.img');
    spoil(image);
    // A cut image still has its first table; what is behind the cut is gone.
    const before = hashOf(image);
    const ended = run(['configure', image, '--hostname', 'x']);
    t.equal(ended.code, 2, `${what}: ${ended.err}`);
    t.match(ended.err, message, what);
    t.notMatch(ended.err, /^ +at /m, what);
    t.equal(hashOf(image), before, what);
    t.equal(run(['image', 'inspect', image]).code, 0, `${what}: inspect tells what it can`);
  }
  const loop = disk('loop.img', {
    table: 'label: dos\nstart=2048, type=5\nstart=4096, size=2048, type=83\nsize=2048, type=83\n',
  });
  // The first link's next link is the first link.
  bytes(loop, mebibyte + 446 + 16, [0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0]);
  t.equal(run(['configure', loop, '--hostname', 'x']).code, 2, 'a chain of partitions that is a ring ends');
});

t.test(
  'the front of a GPT is gone: its copy at the end is used; two boot partitions are no choice',
  async (t) => {
    const image = disk('backup.img');
    writeSync(openSync(image, 'r+'), Buffer.alloc(512, 1), 0, 512, 512);
    t.equal(run(['configure', image, '--hostname', 'saved']).code, 0);
    t.match(read(image, 'config.json'), '"saved"');
    const two = disk('two.img', {
      table:
        'label: gpt\nstart=2048, size=32768, type=uefi, name=boot-a\nstart=34816, size=32768, type=uefi, name=boot-b\n',
      fat: 16,
      sizeBytes: 16 * mebibyte,
    });
    tool('dd', [
      `if=${join(folder, 'part')}`,
      `of=${two}`,
      'bs=1M',
      'seek=17',
      'conv=notrunc',
      'status=none',
    ]);
    const refused = run(['configure', two, '--hostname', 'x']);
    t.equal(refused.code, 2);
    t.match(refused.err, '1 boot-a, 2 boot-b');
    t.equal(run(['configure', two, '--hostname', 'second', '--partition', 'boot-b']).code, 0);
    t.match(read(two, 'config.json', 17 * mebibyte), 'second');
    t.notMatch(read(two, 'config.json'), 'second');
  },
);

t.test('killed at any moment, the image is the old one or the new one, whole', async (t) => {
  const image = disk('killed.img');
  const old = hashOf(image);
  const words = [rig, 'configure', image, '--hostname', 'after'];
  let [kills, olds] = [0, 0];
  for (let delayMs = 100; delayMs < 2000; delayMs += 110) {
    const child = spawn(process.execPath, words, { cwd: folder, env, stdio: 'ignore' });
    const ended = new Promise<NodeJS.Signals | null>((resolve) =>
      child.once('exit', (_, signal) => resolve(signal)),
    );
    const timer = setTimeout(() => child.kill('SIGKILL'), delayMs);
    const signal = await ended;
    clearTimeout(timer);
    if (signal) kills += 1;
    const now = hashOf(image);
    if (now === old) olds += 1;
    else {
      t.match(JSON.parse(read(image, 'config.json')), { hostname: 'after', deviceType: 'x' });
      t.equal(fsck(image), '');
      break;
    }
  }
  t.ok(kills > 0, `${kills} were killed, ${olds} of them before the image was replaced`);
  t.match(read(image, 'config.json'), 'after', 'one got to its end');
});

t.test('a full disk leaves the image as it was', async (t) => {
  if (process.getuid?.() !== 0) return void t.pass('mounting needs root', { skip: true });
  const mount = join(folder, 'small');
  mkdirSync(mount);
  const image = disk('roomy.img');
  const script = `mount -t tmpfs -o size=3m none ${mount} && cp --sparse=always ${image} ${mount}/i.img && sha256sum ${mount}/i.img; head -c 3m /dev/zero > ${mount}/fill; ${process.execPath} ${rig} configure ${mount}/i.img --hostname x; echo "code $?"; sha256sum ${mount}/i.img; ls -A ${mount}`;
  const { stdout, stderr, status } = spawnSync('unshare', ['-m', 'sh', '-c', script], {
    env,
    encoding: 'utf8',
  });
  if (status !== 0 && /unshare/.test(stderr)) return void t.pass(stderr, { skip: true });
  const [before, code, after, ...left] = stdout.trim().split('\n');
  t.equal(code, 'code 3', stderr);
  t.match(stderr, 'is full');
  t.equal(after, before);
  t.same(left, ['fill', 'i.img']);
});

t.test('on a terminal it asks, again when an answer is wrong, and never shows the key', async (t) => {
  const image = disk('asked.img');
  const answers = ['bad name', 'asked', 'lab', 'tiny', 'a secret key', 'y', ''];
  const child = spawn('script', ['-qec', `${process.execPath} ${rig} configure ${image}`, '/dev/null'], {
    cwd: folder,
    env,
  });
  let shown = '';
  let answered = 0;
  child.stdout.on('data', (chunk) => {
    shown += chunk;
    const questions = shown.match(/\): /g)?.length ?? 0;
    while (answered < questions && answered < answers.length) child.stdin.write(`${answers[answered++]}\r`);
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  t.equal(code, 0, shown);
  // What is drawn from the first column on, with the rest of the line cleared, takes the place of what stood there.
  const wiped = shown
    .split('\x1b[1G\x1b[0J')
    .slice(0, -1)
    .filter((before) => /\): $/.test(before));
  t.same(wiped, [], 'no question is wiped from the screen');
  t.match(shown, '"bad name" is no host name');
  t.match(shown, 'key has 4 characters');
  t.notMatch(shown, 'a secret key');
  t.match(JSON.parse(read(image, 'config.json')), { hostname: 'asked', persistentLogging: true });
  t.match(read(image, 'system-connections/rig-wifi'), 'psk=a secret key\n');
  const inspected = run(['image', 'inspect', image]);
  t.match(inspected.out, 'ssid=lab');
  t.match(inspected.out, 'psk=***');
  t.notMatch(inspected.out, 'secret key');
});

t.test('key files as NetworkManager reads and writes them', (t) => {
  t.match(
    wifiKeyfile({ ssid: 'a;b\\c' }, 'x'),
    'ssid=a\\\\;b\\\\c\n',
    '; and \\ as nm-keyfile.c writes them',
  );
  t.match(wifiKeyfile({ ssid: ' x' }, 'x'), 'ssid=\\sx\n', 'white space in front would be cut off');
  t.match(wifiKeyfile({ ssid: 'Café' }, 'x'), 'ssid=67;97;102;195;169;\n', 'what is not ASCII as bytes');
  t.match(wifiKeyfile({ ssid: 'x', key: ' 2345678' }, 'x'), 'psk=\\s2345678\n');
  t.equal(
    maskKeyfile('[vpn]\nPSK = x\nprivate-key-password=y\nssid=z\n'),
    '[vpn]\nPSK =***\nprivate-key-password=***\nssid=z\n',
  );
  t.end();
});

t.test('a configuration keeps its order, its indentation and its strange keys', (t) => {
  const text = '{\n\t"b": 1,\n\t"a.c": {"x": null},\n\t"a": []\n}\n';
  const changed = changedConfig(text, ['a.0=new', 'a\\.c.y=0x10', 'z=1'].map(parseAssignment));
  t.equal(
    changed,
    '{\n\t"b": 1,\n\t"a.c": {\n\t\t"x": null,\n\t\t"y": "0x10"\n\t},\n\t"a": [\n\t\t"new"\n\t],\n\t"z": 1\n}\n',
  );
  t.equal(changedConfig('{"a":1}', [parseAssignment('b=2')]), '{"a":1,"b":2}\n');
  t.equal(changedConfig(undefined, []), '{}\n');
  t.end();
});
