// test: light
// The rules of the house, held by the sources: the rule functions are run on trees that break each rule, so that they
// are known to be able to fail, and then on this tree.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../rig/config/package.js';
import { arrows } from './architecture/arrows.js';
import { judgeSources, longestFile, type SourceFile } from './architecture/source-rules.js';
import { judgeTree, topRooms } from './architecture/tree-rules.js';

/** Tracked files, and new ones that git does not ignore. */
const tracked = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: packageRoot,
  encoding: 'utf8',
})
  .split('\0')
  .filter((path) => path !== '' && existsSync(join(packageRoot, path)));
const read = (path: string): SourceFile => ({ path, text: readFileSync(join(packageRoot, path), 'utf8') });
const sources = tracked.filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts')).map(read);
const texts = tracked
  .filter((path) => !/\.(png|ico|gz|bin|raw)$/.test(path) && path !== 'package-lock.json')
  .map(read);

// tap's own 30 s are little where `npm run check` has half a core.
t.setTimeout(300_000);

t.test('the sources keep the rules', async (t) => {
  t.ok(sources.length > 50, `${sources.length} sources were read`);
  t.same(judgeSources(sources), []);
});

t.test('the tree keeps the rules', async (t) => {
  t.same(judgeTree(texts), []);
});

t.test('an arrow that runs the wrong way is found', async (t) => {
  const wrong: readonly (readonly [from: string, to: string])[] = [
    ['rig/contracts/a.ts', 'rig/lifetime/b.ts'],
    ['rig/lifetime/a.ts', 'rig/core/b.ts'],
    ['rig/core/a.ts', 'rig/config/b.ts'],
    ['rig/core/a.ts', 'drivers/power/b.ts'],
    ['rig/cli/commands/a.ts', 'drivers/power/b.ts'],
    ['rig/record/a.ts', 'reports/b.ts'],
    ['drivers/power/a.ts', 'qemu/b.ts'],
    ['qemu/a.ts', 'drivers/power/b.ts'],
    ['reports/a.ts', 'rig/core/b.ts'],
    ['suites/boot/a.ts', 'rig/contracts/b.ts'],
    ['suites/boot/a.ts', 'test/b.ts'],
    ['elsewhere/a.ts', 'rig/contracts/b.ts'],
  ];
  for (const [from, to] of wrong) {
    const up = '../'.repeat(from.split('/').length - 1);
    const target = `${up}${to.replace(/\.ts$/, '.js')}`;
    for (const statement of [
      `import '${target}';`,
      `import type { B } from '${target}';`,
      `await import('${target}');`,
    ]) {
      const found = judgeSources([
        { path: from, text: statement },
        { path: to, text: '' },
      ]);
      t.equal(found.length, 1, `${from}: ${statement}`);
    }
  }
  const right: readonly (readonly [from: string, to: string])[] = [
    ['rig/cli/registry.ts', 'drivers/power/b.ts'],
    ['rig/core/a.ts', 'rig/contracts/b.ts'],
    ['suites/boot/a.ts', 'rig/mod.ts'],
    ['qemu/a.ts', 'rig/config/package.ts'],
    ['reports/a.ts', 'rig/record/b.ts'],
  ];
  for (const [from, to] of right) {
    const up = '../'.repeat(from.split('/').length - 1);
    const text = `import { b } from '${up}${to.replace(/\.ts$/, '.js')}';`;
    t.same(
      judgeSources([
        { path: from, text },
        { path: to, text: '' },
      ]),
      [],
      `${from} may import ${to}`,
    );
  }
});

t.test('each other rule is found broken', async (t) => {
  const long = 'export {};\n'.repeat(longestFile + 1);
  const broken: readonly (readonly [path: string, text: string, message: RegExp])[] = [
    ['rig/core/a.ts', 'let a: any;', /rig\/core\/a\.ts:1 uses `any`/],
    ['rig/core/a.ts', '\nconst a = b!.c;', /a\.ts:2 uses a non-null/],
    ['rig/core/a.ts', '// @ts-expect-error\n', /switches the compiler off/],
    ['rig/core/a.ts', "export * from './b.js';", /barrel/],
    ['rig/core/a.ts', "import './gone.js';", /not there/],
    ['rig/core/a.ts', 'for (;;) {\n  using a = b();\n}', /a\.ts:2 uses `using` in a loop/],
    ['rig/core/a.ts', 'while (a) if (b) { await using c = d(); }', /uses `using` in a loop/],
    ['rig/core/a.ts', 'for await (using a of b) c(a);', /uses `using` in a loop/],
    ['rig/core/a.ts', long, /301 lines/],
    ['rig/core/utils.ts', '', /utils\.ts/],
    ['rig/helpers/a.ts', '', /helpers/],
    ['rig/core/index.ts', '', /index\.ts/],
  ];
  for (const [path, text, message] of broken) {
    const found = judgeSources([
      { path, text },
      { path: 'rig/core/b.ts', text: '' },
    ]);
    t.equal(found.length, 1, `${path}: ${text.slice(0, 30)}`);
    t.match(found[0] ?? '', message);
  }
  t.same(judgeSources([{ path: 'rig/core/a.ts', text: 'for (;;) b(() => { using a = c(); });' }]), []);
  t.same(judgeSources([{ path: 'rig/core/a.ts', text: `// Long because it is a table.\n${long}` }]), []);

  const whole = topRooms.map((room) => ({ path: `${room}/README.md`, text: 'A room.' }));
  const planted = (path: string, text: string) => judgeTree([...whole, { path, text }]);
  t.same(judgeTree(whole), []);
  t.match(judgeTree(whole.slice(1))[0] ?? '', /rig\/ has no README/);
  for (const text of [
    `see /${'work'}/main`,
    `/${'home'}/me/x`,
    `../${'shared'}/DESIGN.md`,
    `${'http'}://deb.${'debian'}.org/x`,
  ])
    t.equal(planted('rig/a.md', `fine\n${text}\n`).length, 1, text);
  t.match(planted('docs/decisions/0002-late.md', '')[0] ?? '', /2 stands where 1 belongs/);
  t.match(planted('docs/decisions/0001-first.md', '')[0] ?? '', /does not list .*0001-first/);
  const listed = whole.map((file) => ({ ...file, text: `${file.text} 0001-first.md` }));
  t.same(judgeTree([...listed, { path: 'docs/decisions/0001-first.md', text: '' }]), []);
});

t.test('rig/README.md shows the table of arrows as it is', async (t) => {
  const readme = readFileSync(join(packageRoot, 'rig/README.md'), 'utf8');
  for (const [room, allowed] of arrows) {
    const row = `| \`${room}\` | ${allowed.map((name) => `\`${name}\``).join(', ') || 'nothing'} |`;
    t.ok(readme.includes(row), row);
  }
});

t.test('importing a driver, QEMU, a report or a suite does nothing', async (t) => {
  const modules = sources
    .map((file) => file.path)
    .filter((path) => /^(drivers|qemu|reports|suites)\//.test(path))
    .map((path) => join(packageRoot, 'dist', path.replace(/\.ts$/, '.js')));
  t.ok(modules.length > 0, `${modules.length} modules`);
  t.same(await importAll(modules), { exitCode: 0, output: '' });

  const planted = (code: string) => importAll([`data:text/javascript,${encodeURIComponent(code)}`]);
  t.match((await planted('console.log("hello")')).output, 'hello');
  t.match((await planted('setInterval(() => {}, 1000)')).output, 'Timeout');
  t.match((await planted('process.on("SIGTERM", () => {})')).output, 'SIGTERM');
});

/** Imports modules in a process of their own; it prints what they left running or listening. */
async function importAll(modules: readonly string[]): Promise<{ exitCode: number | null; output: string }> {
  // The standard streams are opened first, and what closes a file that was read is given a few turns to end.
  const script = `
    const turns = async () => { for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate); };
    process.stdout.isTTY; process.stderr.isTTY;
    await turns();
    const before = [process.getActiveResourcesInfo(), process.eventNames()].flat();
    for (const module of ${JSON.stringify(modules)}) await import(module);
    await turns();
    const after = [process.getActiveResourcesInfo(), process.eventNames()].flat();
    for (const name of before) if (after.includes(name)) after.splice(after.indexOf(name), 1);
    if (after.length > 0) console.log(after.map(String).join(' '));
    process.exit();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, output };
}
