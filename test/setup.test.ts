// test: light
// Set-up run as a real process in a copy of the checkout, with stand-ins for dpkg-query, apt-get, sudo, id and npm on a
// PATH of its own. Each stand-in writes down how it was called.
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Check } from '../rig/cli/doctor/check.js';
import {
  checkAccelerator,
  checkFolder,
  checkMemory,
  checkNode,
  checkProcessor,
  checkSerialPorts,
} from '../rig/cli/doctor/machine.js';
import { packageRoot } from '../rig/config/package.js';
import { FreshClone } from './fakes/fresh-clone.js';

t.test('a fresh clone is set up once, and the second time nothing is done', async (t) => {
  using clone = new FreshClone();
  const first = await clone.setUp();
  t.equal(first.exitCode, 0, first.text);
  t.match(first.text, /installing node modules[\s\S]*compiling[\s\S]*done in \d+ s/);
  t.same(clone.calls(), [
    'npm ci --no-audit --no-fund --ignore-scripts',
    'rig image build tiny --arch arm64 --variant dev',
  ]);

  // Neither apt-get nor npm may be asked: they may need a network.
  const second = await clone.setUp();
  t.same(second, { exitCode: 0, text: 'setup: nothing to do\n' });
  t.same(clone.calls(), ['rig image build tiny --arch arm64 --variant dev']);

  appendFileSync(join(clone.root, 'rig/cli/main.ts'), 'export {};');
  t.match((await clone.setUp()).text, /^setup: compiling\n/, 'a changed source is compiled');
  writeFileSync(join(clone.root, 'package-lock.json'), '{"changed":true}');
  t.match((await clone.setUp()).text, /^setup: installing node modules/, 'a changed lock is installed');
  rmSync(join(clone.root, 'node_modules'), { recursive: true });
  clone.calls();
  await clone.setUp();
  t.equal(
    clone.calls()[0],
    'npm ci --no-audit --no-fund --ignore-scripts',
    'lost node modules are installed',
  );
});

t.test('without a terminal nothing is installed unasked', async (t) => {
  using clone = new FreshClone();
  clone.installed(clone.all.filter((name) => name !== 'mtools' && name !== 'ovmf'));
  const asked = 'apt-get install -y --no-install-recommends ovmf mtools';
  const refused = await clone.setUp();
  t.equal(refused.exitCode, 3);
  t.match(refused.text, `apt-get update && ${asked}\n`, 'the exact command for root');
  t.notMatch(refused.text, 'sudo');
  t.same(clone.calls(), []);

  clone.write('uid', '1000\n');
  t.match(
    (await clone.setUp()).text,
    `sudo apt-get update && sudo ${asked}\n`,
    'the exact command for others',
  );

  const ci = await clone.setUp({ env: { CI: 'true' } });
  t.equal(ci.exitCode, 0, ci.text);
  t.same(clone.calls().slice(0, 2), [
    'sudo -n apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends ovmf mtools',
    'apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends ovmf mtools',
  ]);
});

t.test('--yes installs as root, and the package lists are fetched only when that is needed', async (t) => {
  using clone = new FreshClone();
  clone.installed([]);
  clone.write('no-lists');
  clone.write('half-installed');
  const { exitCode, text } = await clone.setUp({ args: ['--yes'] });
  t.equal(exitCode, 0, text);
  t.match(text, /fetching the package lists/);
  const install = `apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends ${clone.all.join(' ')}`;
  t.same(clone.calls().slice(0, 3), [install, 'apt-get -o DPkg::Lock::Timeout=300 update', install]);
});

t.test('in a terminal sudo is used after asking', async (t) => {
  using clone = new FreshClone();
  clone.installed(clone.all.slice(1));
  clone.write('uid', '1000\n');
  const no = await clone.setUp({ answer: 'n' });
  t.equal(no.exitCode, 3, no.text);
  t.match(no.text, /sudo apt-get update/);
  t.same(clone.calls(), []);
  const yes = await clone.setUp({ answer: 'y' });
  t.equal(yes.exitCode, 0, yes.text);
  t.match(clone.calls()[0] ?? '', /^sudo apt-get .* install .*qemu-system-arm$/);

  clone.installed([]);
  rmSync(join(clone.bin, 'sudo'));
  const none = await clone.setUp({ args: ['--yes'] });
  t.equal(none.exitCode, 3);
  t.match(none.text, /not root, and there is no sudo/);
});

t.test("what fails is told with the failing program's own last lines", async (t) => {
  using clone = new FreshClone();
  clone.installed([]);
  clone.write('apt-breaks');
  const broken = await clone.setUp({ args: ['--yes'] });
  t.equal(broken.exitCode, 3);
  t.match(broken.text, /apt-get failed with exit code 100\n {2}\| E: You don't have enough free space/);
  rmSync(join(clone.state, 'apt-breaks'));

  clone.write('apt-lies');
  const lie = await clone.setUp({ args: ['--yes'] });
  t.equal(lie.exitCode, 3, 'an apt-get that installs nothing is not believed');
  t.match(lie.text, /still missing: qemu-system-arm/);
  rmSync(join(clone.state, 'apt-lies'));

  clone.write('uid', '1000\n');
  clone.write('sudo-refuses');
  t.match((await clone.setUp({ args: ['--yes'] })).text, /\| sudo: a password is required/);
  clone.installed(clone.all);

  clone.write('npm-breaks');
  const npm = await clone.setUp();
  t.equal(npm.exitCode, 3);
  t.match(npm.text, /npm ci failed with exit code 1\n {2}\| npm error network/);
  rmSync(join(clone.state, 'npm-breaks'));

  writeFileSync(
    join(clone.root, 'dist/rig/cli/main.js'),
    'console.error("rig: disk full"); process.exit(3);',
  );
  const image = await clone.setUp();
  t.equal(image.exitCode, 3);
  t.match(image.text, /Cannot build the image tiny --arch arm64 --variant dev\n {2}\| rig: disk full/);

  t.equal((await clone.setUp({ args: ['--for', 'lunch'] })).exitCode, 2);
  t.equal((await clone.setUp({ args: ['--nonsense'] })).exitCode, 2);
});

t.test('on a host without apt the programs themselves are looked for', async (t) => {
  using clone = new FreshClone();
  rmSync(join(clone.bin, 'apt-get'));
  rmSync(join(clone.bin, 'dpkg-query'));
  const { exitCode, text } = await clone.setUp({ env: { CI: 'true' } });
  t.equal(exitCode, 3);
  t.match(text, /qemu-system-aarch64 \(Debian package qemu-system-arm\)/);
  const whole = await clone.setUp({ env: { CI: 'true', PATH: `${clone.bin}:${clone.toolFolder()}` } });
  // Files under /usr/share cannot be faked; where this machine has them all, set-up goes on.
  t.notMatch(whole.text, /qemu-system-aarch64/, 'a program on PATH is enough');
});

t.test('an old Node is refused before anything else', async (t) => {
  const script = `import { checkNode } from ${JSON.stringify(join(packageRoot, 'rig/setup/steps.mjs'))};
    for (const version of ['18.19.0', '20.18.3', '20.19.0', '22.1.0'])
      try { checkNode(version); console.log(version, 'taken'); } catch (error) { console.log(error.text.split('\\n')[0]); }`;
  const text = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  t.same(text.trim().split('\n'), [
    'setup: Node 18.19.0 is too old: boardrig needs 20.19 or newer',
    'setup: Node 20.18.3 is too old: boardrig needs 20.19 or newer',
    '20.19.0 taken',
    '22.1.0 taken',
  ]);
});

t.test('rig doctor', async (t) => {
  const doctor = (env: Record<string, string>) => {
    const args = [join(packageRoot, 'dist/rig/cli/main.js'), 'doctor', '--json'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      env,
      encoding: 'utf8',
      cwd: tmpdir(),
    });
    t.equal(stderr, '');
    return { status, checks: JSON.parse(stdout) as Check[] };
  };
  using clone = new FreshClone();
  const { status, checks } = doctor({ PATH: clone.bin, HOME: clone.root });
  t.equal(status, 1, 'something that a board needs is missing');
  const qemu = checks.find((check) => check.name === 'qemu-system-arm');
  t.equal(qemu?.state, 'bad');
  t.equal(qemu?.hint, 'apt-get install --no-install-recommends qemu-system-arm');
  t.equal(checks.find((check) => check.name === 'chromium')?.state, 'warn', 'only tests need it');
  const whole = doctor({ PATH: `${clone.bin}:${clone.toolFolder()}`, HOME: clone.root });
  t.same(
    whole.checks.filter((check) => check.name.startsWith('qemu')).map((check) => check.state),
    ['ok', 'ok', 'ok', 'ok', 'ok'],
  );

  const state = (check: Check) => check.state;
  t.equal(state(checkNode('20.18.9')), 'bad');
  t.equal(state(checkNode('24.0.0')), 'ok');
  t.equal(state(checkProcessor(6)), 'warn');
  const cpuInfo = join(clone.root, 'cpuinfo');
  writeFileSync(cpuInfo, 'flags\t\t: fpu svm\n');
  t.equal(state(checkAccelerator({ device: join(clone.root, 'no-kvm'), host: 'x64', cpuInfo })), 'warn');
  t.equal(
    state(checkAccelerator({ device: '/dev/null', host: 'x64', cpuInfo })),
    'ok',
    'one that can be opened',
  );
  for (const [gib, wanted] of [
    [4, 'ok'],
    [1, 'warn'],
    [0.25, 'bad'],
  ] as const)
    t.equal(
      state(checkMemory(`MemTotal: 1 kB\nMemAvailable:   ${gib * 2 ** 20} kB\n`)),
      wanted,
      `${gib} GiB`,
    );
  t.equal(state(checkFolder('proc', '/proc/no/such')), 'bad', 'no room');
  t.match(checkSerialPorts(join(clone.root, 'none')).found, 'none attached');
  mkdirSync(join(clone.root, 'serial'));
  symlinkSync(join(clone.root, 'unplugged'), join(clone.root, 'serial/usb-FTDI_1'));
  t.match(checkSerialPorts(join(clone.root, 'serial')).found, /may not open usb-FTDI_1/);
});
