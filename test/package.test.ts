// test: full, 10 minutes
// What `npm pack` ships, installed into an empty folder as anybody would. In the full run only: npm needs about ten CPU
// seconds to lay out the dependencies.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { packageRoot } from '../rig/config/package.js';
import { measureSpeedFactor } from '../rig/lifetime/host-speed.js';

/** npm, tsc and the rig together need 25 s of one core of the reference host. */
t.setTimeout(120_000 * measureSpeedFactor());

const folder = mkdtempSync(join(tmpdir(), 'boardrig-package-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

const run = (program: string, args: readonly string[], cwd = folder) =>
  promisify(execFile)(program, args, { cwd, maxBuffer: 2 ** 26 });

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

t.test('the packed rig works in an empty folder', async (t) => {
  // .npmrc switches install scripts off, and with them npm's own call of prepack.
  await run('npm', ['run', 'prepack'], packageRoot);
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], packageRoot);
  const answer = JSON.parse(stdout) as readonly Packed[] | Readonly<Record<string, Packed>>;
  const [packed] = Object.values(answer);
  if (!packed) throw new Error(`npm pack said nothing of a package: ${stdout}`);

  const paths = packed.files.map((file) => file.path);
  for (const wanted of [
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
    'dist/rig/cli/main.js',
    'dist/rig/mod.js',
    'dist/types/rig/mod.d.ts',
    'dist/suites/boot/suite.js',
    'rig/boards/virt-arm64.yaml',
    'rig/setup/debian-packages.json',
  ])
    t.ok(paths.includes(wanted), wanted);
  t.same(
    paths.filter((path) => /^dist\/(test|bench)\/|\.map$|(?<!\.d)\.ts$/.test(path)),
    [],
    'no tests, benches, source maps or sources',
  );

  writeFileSync(join(folder, 'package.json'), '{"name":"somebody","private":true,"type":"module"}');
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', join(folder, packed.filename)]);

  await t.test('npx rig', async (t) => {
    const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
      version: string;
    };
    t.equal((await run('npx', ['rig', '--version'])).stdout, `${version}\n`);
    const boards = (await run('npx', ['rig', 'boards', '--json'])).stdout;
    t.match(boards, 'virt-arm64');
    t.match(boards, 'virt-x86-64');
    t.match((await run('npx', ['rig', 'doctor', '--json'])).stdout, '"qemu-system-arm"');
  });

  await t.test("somebody's own suite", async (t) => {
    const suite = (name: string) => `import { suite } from 'boardrig';
export default suite('mine', { summary: 'What I promised.', needs: ['shell'] }, (test) => {
  test('has a host name', async (t) => { t.match(await t.board.shell.${name}('hostname'), /./); });
});\n`;
    writeFileSync(join(folder, 'mine.ts'), suite('text'));
    writeFileSync(join(folder, 'wrong.ts'), suite('txt'));
    const list = await run('npx', ['rig', 'run', './mine.ts', '--board', 'virt-arm64', '--list']);
    t.match(list.stdout, 'virt-arm64/mine/has a host name');

    const tsc = join(packageRoot, 'node_modules/typescript/bin/tsc');
    const check = (file: string) =>
      run(process.execPath, [
        tsc,
        ...'--noEmit --strict --skipLibCheck --module nodenext --target es2023'.split(' '),
        file,
      ]);
    t.equal((await check('mine.ts')).stdout, '', 'its types are there');
    const refused = await check('wrong.ts').then(
      () => 'taken',
      (error: { stdout: string }) => error.stdout,
    );
    t.match(refused, "Property 'txt' does not exist on type 'Shell'", 'and are checked');
  });
});
