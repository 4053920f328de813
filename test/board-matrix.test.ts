// test: vm, full, 60 minutes
// A night without a matrix file: every virtual board that comes with boardrig boots its reference image and passes the smoke tests of
// boot and networking, with few boots; and lines of two machines, which a suite watches from outside.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { builtInTypes } from '../rig/config/board-type.js';
import { packageRoot } from '../rig/config/package.js';
import { Problems } from '../rig/config/problems.js';
import { readBoardType } from '../rig/config/read-board-type.js';
import type { NightReport } from '../rig/contracts/night.js';
import { installsItself } from '../rig/core/provision/method.js';
import { readEvents, World } from './e2e/world.js';

const nightMs = 45 * 60_000;
t.setTimeout(nightMs);

/** What QEMU plays; a board that installs itself needs its own suite first: test/flasher.test.ts. */
async function virtualBoards(): Promise<string[]> {
  const found: string[] = [];
  for (const name of builtInTypes()) {
    const problems = new Problems();
    const read = await readBoardType(name, packageRoot, { cwd: packageRoot, env: {}, problems });
    if (read?.type.machine && !installsItself(read.type)) found.push(name);
  }
  return found;
}

t.test('a night of every virtual board', async (t) => {
  using world = new World();
  const { code, stdout, stderr } = await world.rig(['nightly'], { timeoutMs: nightMs });
  t.equal(code, 0, `${stdout}${stderr}`.slice(-8_000));
  const [dir = ''] = world.runs;
  const night = JSON.parse(readFileSync(join(dir, 'night.json'), 'utf8')) as NightReport;
  const boardsCpu = night.jobs.flatMap((job) => job.attempts.map((one) => one.boardCpuSeconds));
  t.comment(
    `${(night.durationMs / 60_000).toFixed(1)} minutes; the rig took ${night.rigCpuSeconds?.toFixed(0)} CPU s, the boards ${boardsCpu.reduce((all, one) => all + one, 0).toFixed(0)}`,
  );
  t.same(
    night.jobs.map(({ board }) => board).sort(),
    (await virtualBoards()).sort(),
    'each board has its job',
  );
  for (const { board, attempts, suites } of night.jobs) {
    const tests = suites.flatMap(({ tests }) => tests);
    t.same(
      tests.filter(({ verdict }) => verdict !== 'passed' && verdict !== 'skipped').map(({ name }) => name),
      [],
      `${board}: nothing but passes, at the first try`,
    );
    t.ok(tests.filter(({ verdict }) => verdict === 'passed').length > 10, `${board}: and many of them`);
    const coldBoots = attempts.flatMap((attempt) =>
      readEvents(join(dir, attempt.dir)).filter(
        (event) => event.type === 'epoch' && event.reason === 'power-on' && event.board === board,
      ),
    );
    t.ok(coldBoots.length <= 2, `${board}: ${coldBoots.length} cold boots`);
  }
});

for (const board of ['raspi1ap', 'sabrelite'])
  t.test(`lines of ${board}, from outside`, async (t) => {
    using world = new World();
    const suite = join(packageRoot, 'test/e2e/fixtures/lines.ts');
    const { code, stdout, stderr } = await world.rig(['run', suite, '--board', board], {
      timeoutMs: nightMs,
    });
    t.equal(code, 0, `${stdout}${stderr}`.slice(-4_000));
    t.match(stdout, /1 passed/);
  });
