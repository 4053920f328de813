import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
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
import { packageRoot } from '../../rig/config/package.js';

/** Programs that set-up calls, as shell scripts; each writes down how it was called. */
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

/** A copy of what set-up needs of a checkout, with stand-ins on a PATH of its own; all packages installed unless told. */
export class FreshClone {
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

  /** A folder with an empty program for every name of debian-packages.json. */
  toolFolder(): string {
    const folder = join(this.root, 'tools');
    mkdirSync(folder);
    const groups = JSON.parse(
      readFileSync(join(this.root, 'rig/setup/debian-packages.json'), 'utf8'),
    ) as Record<string, Record<string, string[]>>;
    for (const name of Object.values(groups).flatMap((group) => Object.values(group).flat())) {
      if (name.startsWith('/')) continue;
      writeFileSync(join(folder, name), '#!/bin/sh\n');
      chmodSync(join(folder, name), 0o755);
    }
    return folder;
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
