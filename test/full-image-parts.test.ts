// test: light
// What the full image is put together from, without building it: read back by the programs that have to understand it.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import { containerImage } from '../qemu/image/full/container-image.js';
import { addOverlays } from '../qemu/image/full/overlays.js';
import { addPackageFiles, checkLibraries } from '../qemu/image/full/package-files.js';
import { writeTar } from '../qemu/image/full/tar.js';
import { enableUnits } from '../qemu/image/full/units.js';
import { accountFiles } from '../qemu/image/full/users.js';
import { recipeOf } from '../qemu/image/recipes.js';
import { FileTree } from '../qemu/image/tree.js';

const folder = mkdtempSync(join(tmpdir(), 'boardrig-full-parts-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
/** Enough of busybox's table of programs for the builder. */
const busybox = Buffer.from('\x7fELF\0[\0[[\0init\0sh\0sleep\0test\0\0', 'latin1');

t.test('a tree becomes an archive that tar reads, the same each time', async (t) => {
  const tree = new FileTree()
    .directory('tmp', { mode: 0o1777 })
    .file('etc/name', 'text\n', { mode: 0o640 })
    .link('etc/link', 'name');
  const archive = writeTar(tree);
  t.same(writeTar(tree), archive);
  const file = join(folder, 'some.tar');
  writeFileSync(file, archive);
  const listed = execFileSync('tar', ['--numeric-owner', '--utc', '-tvf', file], { encoding: 'utf8' });
  t.match(listed, /^drwxr-xr-x 0\/0 +0 2025-01-01 00:00 etc\/$/m);
  t.match(listed, /^-rw-r----- 0\/0 +5 2025-01-01 00:00 etc\/name$/m);
  t.match(listed, /^lrwxrwxrwx 0\/0 +0 2025-01-01 00:00 etc\/link -> name$/m);
  t.match(listed, /^drwxrwxrwt 0\/0 +0 2025-01-01 00:00 tmp\/$/m);
  t.equal(execFileSync('tar', ['-xOf', file, 'etc/name'], { encoding: 'utf8' }), 'text\n');
  t.throws(() => writeTar(new FileTree().file('x'.repeat(101), '')), /no name as long/);
});

t.test('the container image names its layer and configuration by what they are', async (t) => {
  const file = join(folder, 'image.tar');
  writeFileSync(file, containerImage({ busybox, version: '1.0.0' }));
  const member = (name: string): Buffer => execFileSync('tar', ['-xOf', file, name]);
  const [manifest] = JSON.parse(member('manifest.json').toString()) as [
    { Config: string; RepoTags: string[]; Layers: string[] },
  ];
  t.same(manifest.RepoTags, ['boardrig/base:latest']);
  const config = member(manifest.Config);
  t.equal(manifest.Config, `${sha256(config)}.json`);
  const layer = member(manifest.Layers[0] ?? '');
  t.match(JSON.parse(config.toString()), {
    rootfs: { diff_ids: [`sha256:${sha256(layer)}`] },
    config: { Healthcheck: { Test: ['CMD', 'test', '-e', '/tmp/healthy'] } },
  });
  writeFileSync(file, layer);
  const inside = execFileSync('tar', ['-tf', file], { encoding: 'utf8' }).split('\n');
  for (const path of ['bin/busybox', 'bin/sh', 'bin/sleep', 'tmp/healthy']) t.ok(inside.includes(path), path);
});

t.test('packages are merged into /usr, with links that still lead somewhere', async (t) => {
  const packages = join(folder, 'packages');
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(packages, path)), { recursive: true });
    writeFileSync(join(packages, path), text);
  };
  put('bin/tool', 'tool');
  put('usr/bin/other', 'other');
  put('usr/share/doc/tool/README', 'for people');
  put('lib/thing/data', 'data');
  symlinkSync('tool', join(packages, 'bin/near'));
  symlinkSync('../usr/bin/other', join(packages, 'bin/across'));
  symlinkSync('../../lib/thing/data', join(packages, 'usr/bin/back'));
  const tree = new FileTree();
  await addPackageFiles(tree, { packages });
  const nodes = new Map(tree.entries());
  t.match(nodes.get('bin'), { kind: 'link', target: 'usr/bin' });
  t.match(nodes.get('usr/bin/tool'), { kind: 'file' });
  t.match(nodes.get('usr/bin/near'), { kind: 'link', target: 'tool' });
  t.match(nodes.get('usr/bin/across'), { kind: 'link', target: '/usr/bin/other' });
  t.match(nodes.get('usr/bin/back'), { kind: 'link', target: '../../lib/thing/data' });
  t.notOk(nodes.has('usr/share/doc/tool/README'), 'nobody reads manuals on a board');
});

t.test('a program whose library no package brings stops the build', async (t) => {
  const tree = new FileTree().file('usr/bin/node', { from: process.execPath });
  await t.rejects(checkLibraries(tree), {
    code: 'image.missing-file',
    message: /libc\.so\.6 \(for usr\/bin\/node\)/,
  });
  for (const name of [
    'libdl.so.2',
    'libstdc++.so.6',
    'libm.so.6',
    'libgcc_s.so.1',
    'libpthread.so.0',
    'libc.so.6',
  ])
    tree.file(`usr/lib/${name}`, '');
  for (const name of ['libatomic.so.1', 'ld-linux-x86-64.so.2', 'ld-linux-aarch64.so.1'])
    tree.file(`usr/lib/${name}`, '');
  await t.resolves(checkLibraries(tree));
});

t.test(
  'accounts: every number is one name, every user has its group, root is open in dev alone',
  async (t) => {
    const { passwd, group, shadow } = accountFiles(true);
    const groups = [...group.matchAll(/^([\w-]+):x:(\d+):$/gm)].map(([, name, id]) => ({ name, id }));
    t.equal(new Set(groups.map(({ id }) => id)).size, groups.length);
    const users = [...passwd.matchAll(/^([\w-]+):x:(\d+):(\d+):[^:]*:[^:]+:[^:]+$/gm)];
    t.equal(users.length, passwd.trim().split('\n').length);
    t.equal(new Set(users.map(([, , id]) => id)).size, users.length);
    for (const [, name, , id] of users)
      t.ok(
        groups.some((one) => one.id === id),
        `${name} has a group`,
      );
    t.match(shadow, /^root::/m);
    t.match(accountFiles(false).shadow, /^root:\*:/m);
  },
);

t.test('prod masks every door that dev opens; nothing is asked for again and again', async (t) => {
  const units = `ModemManager NetworkManager boardrig-health boardrig-ready chrony dbus dnsmasq resin-clock resin-filesystem-expand
    systemd-logind systemd-user-sessions kmod-static-nodes systemd-journald systemd-journal-flush systemd-modules-load
    systemd-random-seed systemd-sysctl systemd-tmpfiles-setup-dev systemd-tmpfiles-setup systemd-udev-trigger systemd-udevd
    zram-swap boardrig-splash avahi-daemon boardrig-http getty@ serial-getty@ NetworkManager-dispatcher wpa_supplicant`;
  const others = `getty.target multi-user.target dbus.socket dropbear.socket systemd-journald.socket avahi-daemon.socket
    systemd-journald-dev-log.socket systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-tmpfiles-clean.timer`;
  const engine = ['docker.service', 'docker.socket', 'resin-engine-image.service'];
  const enabled = (variant: 'dev' | 'prod', withEngine = false): Map<string, string> => {
    const tree = new FileTree();
    const names = units.split(/\s+/).map((name) => `${name}.service`);
    for (const unit of [...names, ...others.split(/\s+/), ...engine])
      tree.file(`usr/lib/systemd/system/${unit}`, '');
    enableUnits(tree, { variant, withEngine });
    return new Map(
      tree.entries().flatMap(([path, node]) => (node.kind === 'link' ? [[path, node.target]] : [])),
    );
  };
  const [dev, prod] = [enabled('dev'), enabled('prod')];
  const onlyDev = [...dev.keys()].filter((path) => path.includes('.wants/') && !prod.has(path));
  t.ok(onlyDev.length >= 5, `dev alone has ${onlyDev.join(', ')}`);
  for (const path of onlyDev) {
    const unit = path.replace(/^.*\//, '');
    t.equal(prod.get(`etc/systemd/system/${unit}`), '/dev/null', `${unit} is masked in prod`);
  }
  const wishes = [...enabled('dev', true).keys()].filter((path) => path.includes('.service.wants/'));
  t.same(wishes, [], 'no service has its wishes asked for at each of its tries, before what waits for them');
  t.throws(() => enableUnits(new FileTree(), { variant: 'dev', withEngine: false }), /no unit/);
});

t.test('our own files go into each image from a checkout, which holds no empty folder', async (t) => {
  for (const variant of ['dev', 'prod'] as const)
    for (const withEngine of [false, true]) {
      const tree = new FileTree();
      await addOverlays(tree, { variant, withEngine });
      const has = (path: string, wanted: boolean): void => {
        t.equal(tree.has(path), wanted, `${variant}${withEngine ? ' with engine' : ''}: ${path}`);
      };
      has('usr/sbin/init', true);
      has('usr/lib/boardrig/splash', variant === 'prod');
      has('etc/docker/daemon.json', withEngine);
      has('usr/lib/systemd/system/docker.socket.d/dev.conf', withEngine && variant === 'dev');
    }
});

t.test('what there is no recipe for is refused', async (t) => {
  const request = { flavour: 'full', arch: 'amd64', variant: 'dev', version: '1.0.0' } as const;
  const plain = recipeOf(request);
  const engine = recipeOf({ ...request, extras: ['engine'] });
  t.same(
    engine.packages.filter((name) => !plain.packages.includes(name)),
    ['containerd', 'docker.io', 'iptables', 'libip6tc2', 'runc', 'tini'],
  );
  t.ok(plain.tools.includes('depmod'));
  t.throws(() => recipeOf({ ...request, arch: 'arm64' }), { code: 'image.no-reference', blame: 'config' });
  t.throws(() => recipeOf({ ...request, flavour: 'tiny', extras: ['engine'] }), {
    code: 'image.no-reference',
  });
  t.notOk(
    recipeOf({ ...request, flavour: 'tiny' }).tools.includes('depmod'),
    'tiny asks for no more than it did',
  );
});
