// test: vm, full, 60 minutes
// Every virtual board that comes with boardrig boots its reference image and passes the smoke tests of boot and networking.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { builtInTypes } from '../rig/config/board-type.js';
import { packageRoot } from '../rig/config/package.js';
import { Problems } from '../rig/config/problems.js';
import { readBoardType } from '../rig/config/read-board-type.js';
import { installsItself } from '../rig/core/provision/method.js';

const rig = join(packageRoot, 'dist/rig/cli/main.js');
const report = mkdtempSync(join(tmpdir(), 'board-matrix-'));
t.teardown(() => rmSync(report, { recursive: true, force: true }));

/** Exit code and what was said. */
function run(words: readonly string[]): Promise<{ code: number; said: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [rig, ...words], { maxBuffer: 2 ** 26 }, (error, out, err) =>
      resolve({
        code: typeof error?.code === 'number' ? error.code : error ? -1 : 0,
        said: `${out}\n${err}`,
      }),
    );
  });
}

for (const name of builtInTypes()) {
  const problems = new Problems();
  const found = await readBoardType(name, packageRoot, { cwd: packageRoot, env: {}, problems });
  // What a flasher installs is tested where it is installed: test/flasher.test.ts.
  if (!found?.type.machine || installsItself(found.type)) continue;
  await t.test(name, async (t) => {
    const junit = join(report, `${name}.xml`);
    const words = ['run', 'boot', 'networking', '--tier', 'smoke', '--board', name, '--junit', junit];
    const { code, said } = await run(words);
    t.equal(code, 0, said.slice(-4000));
    const passed = /tests="(\d+)"/.exec(readFileSync(junit, 'utf8'))?.[1];
    t.ok(Number(passed) > 10, `${passed} tests ran`);
  });
}
