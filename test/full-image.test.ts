// test: full, 15 minutes
// The full image as the builder promises it: the same from anybody, sound, and whole. What the system does is the suites' matter.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, lchownSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { buildImage } from '../qemu/image/build.js';
import { inspectImage } from '../qemu/image/inspect.js';
import { cacheDir } from '../rig/config/folders.js';
import { packageRoot } from '../rig/config/package.js';
import type { BuildRequest, BuiltImage } from '../rig/contracts/image-builder.js';

const cache = cacheDir(process.env);
const rig = join(packageRoot, 'dist/rig/cli/main.js');
const nobody = 65534;
const folder = mkdtempSync(join(tmpdir(), 'boardrig-full-image-'));
execFileSync('chmod', ['755', folder]);
t.setTimeout(900_000);
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const sbin = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

const request: BuildRequest = {
  flavour: 'full',
  arch: 'amd64',
  variant: 'dev',
  version: '1.0.0',
  extras: ['engine'],
};
const image = await buildImage(request, { cacheDir: cache });

/** What debugfs says of the first root. */
function debugfs(command: string): string {
  return execFileSync('debugfs', ['-R', command, `${image.path}?offset=${rootOffset}`], {
    encoding: 'utf8',
    env: sbin,
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 2 ** 26,
  });
}
const facts = await inspectImage(image.path);
const rootOffset = facts.partitions[1]?.startBytes ?? 0;

t.test('another user, umask, time zone and language give the same bytes, without a network', async (t) => {
  const home = join(folder, 'elsewhere');
  for (const part of ['packages', 'keys'])
    cpSync(join(cache, part), join(home, 'boardrig', part), { recursive: true });
  const isRoot = process.getuid?.() === 0;
  if (isRoot) {
    lchownSync(home, nobody, nobody);
    for (const path of readdirSync(home, { recursive: true }))
      lchownSync(join(home, String(path)), nobody, nobody);
  }
  const words = ['image', 'build', 'full', '--with', 'engine', '--json', '--no-cache'];
  const ended = spawnSync('/bin/sh', ['-c', 'umask 077; exec "$@"', 'sh', process.execPath, rig, ...words], {
    cwd: folder,
    encoding: 'utf8',
    env: {
      PATH: process.env.PATH,
      XDG_CACHE_HOME: home,
      HOME: '/nonexistent',
      TZ: 'Pacific/Kiritimati',
      LC_ALL: 'C',
      http_proxy: 'http://127.0.0.1:9',
      https_proxy: 'http://127.0.0.1:9',
    },
    ...(isRoot ? { uid: nobody, gid: nobody } : {}),
  });
  t.equal(ended.status, 0, ended.stderr);
  const other = JSON.parse(ended.stdout) as BuiltImage;
  t.equal(other.cached, false, 'it was really built');
  t.equal(other.sha256, image.sha256);
  t.same(readdirSync(join(home, 'boardrig/work')), [], 'nothing is left of the work');
});

t.test('its file systems are sound, its partitions those of the tiny flavour', async (t) => {
  t.same(
    facts.partitions.map(({ label, filesystem }) => `${label} ${filesystem}`),
    ['resin-boot vfat', 'resin-rootA ext4', 'resin-rootB ext4', 'resin-state ext4', 'resin-data ext4'],
  );
  t.match(facts.osRelease, { FLAVOUR: 'full', VARIANT_ID: 'dev', SLUG: 'virt-x86-64' });
  for (const { name, startBytes, sizeBytes } of facts.partitions) {
    const part = join(folder, 'partition');
    execFileSync('dd', [
      ...[`if=${image.path}`, `of=${part}`, 'bs=1M', 'conv=sparse', 'status=none'],
      ...[`skip=${startBytes}B`, `count=${sizeBytes}B`],
    ]);
    const [program, ...args] = name === 'resin-boot' ? ['fsck.vfat', '-n', part] : ['e2fsck', '-fn', part];
    const { status, stdout, stderr } = spawnSync(program ?? '', args, { encoding: 'utf8', env: sbin });
    t.equal(status, 0, `${name}: ${stdout}${stderr}`);
    rmSync(part);
  }
});

t.test('every unit that is wanted, and every alias, is there', async (t) => {
  const links = join(folder, 'etc');
  mkdirSync(links);
  debugfs(`rdump /etc/systemd/system ${links}`);
  const wanted = execFileSync('find', [links, '-type', 'l', '-printf', '%l\n'], { encoding: 'utf8' });
  const targets = [...new Set(wanted.trim().split('\n'))];
  t.ok(targets.length > 25, `${targets.length} links`);
  for (const target of targets) t.notMatch(debugfs(`stat ${target}`), /^$/, target);
});

t.test('files belong to root, with modes of their own', async (t) => {
  const modes = { '/etc/shadow': '0600', '/tmp': '01777', '/root': '0700', '/usr/sbin/init': '0755' };
  for (const [path, mode] of Object.entries(modes))
    t.match(debugfs(`stat ${path}`), new RegExp(`Mode: +${mode} [\\s\\S]*User: +0 +Group: +0 `), path);
});
