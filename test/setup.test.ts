// test: light
// Set-up run as a real process in a copy of the checkout, with stand-ins for dpkg-query, apt-get, sudo, id and npm on a
// PATH of its own. Each stand-in writes down how it was called.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../rig/config/package.js';

const stubs = {
  // Prints the packages of the file `installed`; exits 1 when one is not there, as dpkg-query does.
  'dpkg-query': `shift 3
status=0
for name; do
  if /usr/bin/grep -qx -- "$name" "$STATE/installed"; then echo "$name ii "; else status=1; fi
done
[ ! -e "$STATE/half-installed" ] || echo "qemu-utils iF "
exit $status`,
  id: 'cat "$STATE/uid"',
  sudo: '[ ! -e "$STATE/sudo-refuses" ] || { echo "sudo: a password is required" >&2; exit 1; }\n[ "$1" != -n ] || shift\nexec "$@"',
  'apt-get': `shift 2
case "$1" in
  update) rm -f "$STATE/no-lists"; echo "Hit:1 bookworm InRelease" ;;
  install)
    shift 3
    if [ -e "$STATE/no-lists" ]; then echo "E: Unable to locate package $1" >&2; exit 100; fi
    if [ -e "$STATE/apt-breaks" ]; then echo "E: You don't have enough free space in the cache" >&2; exit 100; fi
    [ -e "$STATE/apt-lies" ] || for name; do echo "$name" >> "$STATE/installed"; done ;;
esac`,
  npm: `[ ! -e "$STATE/npm-breaks" ] || { echo "npm error network" >&2; exit 1; }
mkdir -p node_modules/esbuild
echo '{"name":"esbuild","type":"module","exports":"./index.js"}' > node_modules/esbuild/package.json
echo 'export const build = async () => {};' > node_modules/esbuild/index.js`,
} as const;

/** A fresh clone of its own, all packages installed unless told otherwise. */
class Clone {
  readonly root = mkdtempSync(join(tmpdir(), 'boardrig-setup-'));
  readonly state = join(this.root, 'state');
  readonly bin = join(this.root, 'bin');
  readonly all: readonly string[];

  constructor() {
    mkdirSync(this.state);
    mkdirSync(this.bin);
    mkdirSync(join(this.root, 'dist/rig/cli'), { recursive: true });
    mkdirSync(join(this.root, 'rig/cli'), { recursive: true });
    cpSync(join(packageRoot, 'rig/setup'), join(this.root, 'rig/setup'), { recursive: true });
    writeFileSync(join(this.root, 'package-lock.json'), '{}');
    writeFileSync(join(this.root, 'rig/cli/main.ts'), '');
    writeFileSync(
      join(this.root, 'dist/rig/cli/main.js'),
      `require('node:fs').appendFileSync(process.env.STATE + '/calls', 'rig ' + process.argv.slice(2).join(' ') + '\\n');`,
    );
    const { run } = JSON.parse(readFileSync(join(this.root, 'rig/setup/debian-packages.json'), 'utf8')) as {
      run: Record<string, string[]>;
    };
    this.all = Object.keys(run);
    this.installed(this.all);
    this.write('uid', '0\n');
    for (const [name, body] of Object.entries(stubs))
      this.stub(name, body, !['dpkg-query', 'id'].includes(name));
    for (const name of ['cat', 'rm', 'mkdir'])
      this.stub(name, `exec /usr/bin/env -i /bin/${name} "$@"`, false);
  }

  stub(name: string, body: string, recorded = true): void {
    const record = recorded ? `echo "${name} $*" >> "$STATE/calls"\n` : '';
    writeFileSync(join(this.bin, name), `#!/bin/sh\n${record}${body}\n`);
    chmodSync(join(this.bin, name), 0o755);
  }

  installed(names: readonly string[]): void {
    this.write('installed', names.map((name) => `${name}\n`).join(''));
  }

  write(name: string, text = ''): void {
    writeFileSync(join(this.state, name), text);
  }

  /** The calls since the last time; dpkg-query and id, which only ask, are not recorded. */
  calls(): string[] {
    const path = join(this.state, 'calls');
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
    rmSync(path, { force: true });
    return lines.filter((line) => line !== '');
  }

  /** @param options.answer what a person types: then there is a terminal (util-linux's `script` makes one) */
  async setUp({
    args = [],
    env = {},
    answer,
  }: {
    args?: string[];
    env?: Record<string, string>;
    answer?: string;
  } = {}) {
    const command = [process.execPath, join(this.root, 'rig/setup/main.mjs'), ...args];
    const [program = '', ...rest] =
      answer === undefined ? command : ['/usr/bin/script', '-qec', command.join(' '), '/dev/null'];
    const child = spawn(program, rest, {
      env: { PATH: this.bin, STATE: this.state, SHELL: '/bin/sh', ...env },
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (answer !== undefined && text.includes('[Y/n]') && child.stdin.writable)
          child.stdin.end(`${answer}\n`);
      });
    }
    if (answer === undefined) child.stdin.end();
    const [exitCode] = (await once(child, 'close')) as [number | null];
    return { exitCode, text };
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

t.test('a fresh clone is set up once, and the second time nothing is done', async (t) => {
  using clone = new Clone();
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
  using clone = new Clone();
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
  using clone = new Clone();
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
  using clone = new Clone();
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
  using clone = new Clone();
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
  t.match(image.text, /Cannot build the tiny image for arm64\n {2}\| rig: disk full/);

  t.equal((await clone.setUp({ args: ['--for', 'lunch'] })).exitCode, 2);
  t.equal((await clone.setUp({ args: ['--nonsense'] })).exitCode, 2);
});

t.test('on a host without apt the programs themselves are looked for', async (t) => {
  using clone = new Clone();
  rmSync(join(clone.bin, 'apt-get'));
  rmSync(join(clone.bin, 'dpkg-query'));
  const { exitCode, text } = await clone.setUp({ env: { CI: 'true' } });
  t.equal(exitCode, 3);
  t.match(text, /qemu-system-aarch64 \(Debian package qemu-system-arm\)/);
  const whole = await clone.setUp({ env: { CI: 'true', PATH: `${clone.bin}:${fakeToolFolder(clone)}` } });
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

/** A folder with an empty program for every name of debian-packages.json. */
function fakeToolFolder(clone: Clone): string {
  const folder = join(clone.root, 'tools');
  mkdirSync(folder);
  const groups = JSON.parse(
    readFileSync(join(clone.root, 'rig/setup/debian-packages.json'), 'utf8'),
  ) as Record<string, Record<string, string[]>>;
  for (const name of Object.values(groups).flatMap((group) => Object.values(group).flat())) {
    if (name.startsWith('/')) continue;
    writeFileSync(join(folder, name), '#!/bin/sh\n');
    chmodSync(join(folder, name), 0o755);
  }
  return folder;
}
