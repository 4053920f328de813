// test: light
// What the rig loads before it does anything: the packages that it needs for that, and no others.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { builtInTypes } from '../rig/config/board-type.js';
import { compiledBoardType } from '../rig/config/compiled-board-types.js';
import { packageRoot } from '../rig/config/package.js';
import { Problems } from '../rig/config/problems.js';
import { readBoardType } from '../rig/config/read-board-type.js';

const folder = mkdtempSync(join(tmpdir(), 'boardrig-start-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const log = join(folder, 'loaded');
const hooks = join(folder, 'hooks.mjs');
writeFileSync(
  hooks,
  `import { appendFileSync } from 'node:fs';
  export async function load(url, context, next) {
    appendFileSync(${JSON.stringify(log)}, url + '\\n');
    return next(url, context);
  }`,
);
const hooking = join(folder, 'hooking.mjs');
writeFileSync(
  hooking,
  `import { register } from 'node:module'; register(${JSON.stringify(pathToFileURL(hooks).href)});`,
);

/** The packages of node_modules from which `rig ARGS` imported something. */
function packagesLoaded(args: readonly string[]): string[] {
  writeFileSync(log, '');
  execFileSync(
    process.execPath,
    ['--import', pathToFileURL(hooking).href, join(packageRoot, 'dist/rig/cli/main.js'), ...args],
    { cwd: folder, env: { ...process.env, XDG_STATE_HOME: folder } },
  );
  const names = readFileSync(log, 'utf8').matchAll(/node_modules\/((?:@[^/\n]+\/)?[^/\n]+)/g);
  return [...new Set([...names].map(([, name = '']) => name))].sort();
}

t.test('planning a run on a built-in board needs no parser of its files', async (t) => {
  t.same(packagesLoaded(['--help']), ['commander']);
  t.same(packagesLoaded(['run', 'boot', '--list', '--board', 'virt-arm64']), ['commander']);
  writeFileSync(join(folder, 'lab.yaml'), 'boards: { desk: { type: virt-arm64 } }\n');
  t.same(packagesLoaded(['run', 'boot', '--list', '--board', 'desk']), ['commander', 'yaml', 'zod']);
});

t.test('a compiled board type is what its files say', async (t) => {
  for (const name of builtInTypes()) {
    const problems = new Problems();
    const read = await readBoardType(name, packageRoot, { cwd: packageRoot, env: {}, problems });
    t.equal(problems.count, 0, name);
    t.same(compiledBoardType(name), read, name);
  }
});
