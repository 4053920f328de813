// test: light
// Long because the cache and the runner's use of it are tried against each other.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Image } from '../rig/contracts/board.js';
import { RigError } from '../rig/contracts/errors.js';
import type { EventBody } from '../rig/contracts/events.js';
import { type AddTest, suite } from '../rig/core/runner/define.js';
import { type BoardPlan, planBoard, shuffled } from '../rig/core/runner/plan.js';
import { run } from '../rig/core/runner/run.js';
import { SnapshotCache } from '../rig/core/warm/snapshot-cache.js';
import { WarmStates } from '../rig/core/warm/warm-states.js';
import { boardConfig, type Script, ScriptedBoard } from './fakes/scripted-board.js';
import { writeSnapshot } from './fakes/snapshot-folder.js';

const folder = mkdtempSync(join(tmpdir(), 'warm-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const shell = { state: 'shell', twin: 1 } as const;
const key = { image: 'a', machine: 'm' };
const kilobytes = (count: number): number => count * 1024;
const hourMs = 3600 * 1000;

let folders = 0;
function newFolder(): string {
  folders += 1;
  return join(folder, String(folders));
}

function newCache(maxBytes = kilobytes(1024)): SnapshotCache {
  return new SnapshotCache(newFolder(), { maxBytes });
}

t.test('a snapshot is found under its key, state and twin, and nowhere else', async (t) => {
  const cache = newCache();
  t.equal(await cache.find(key, shell), undefined, 'the folder need not be there');
  t.same(await cache.list(), []);
  t.same(await cache.explain(key, shell), ['none was saved of such a board yet']);
  t.ok(await cache.keep(key, shell, (dir) => writeSnapshot(dir, key)));
  const found = await cache.find({ machine: 'm', image: 'a' }, shell);
  t.ok(found !== undefined && existsSync(found), 'whatever the order of the facts');
  t.equal(await cache.find({ ...key, image: 'b' }, shell), undefined);
  t.equal(await cache.find(key, { ...shell, twin: 2 }), undefined);
  t.equal(await cache.find(key, { ...shell, state: 'bootloader' }), undefined);
  t.notOk(await cache.keep(key, shell, async () => t.fail('it is there already')), 'it is made once');
  t.same(await cache.explain(key, shell), [], 'a hit needs no explanation');
  t.same(await cache.explain({ ...key, image: 'b' }, shell), ['the image differs: it was a and is b']);
  t.match(await cache.list(), [{ ...shell, saved: { key } }]);
});

t.test('of two that make the same at once, one wins and nobody fails', async (t) => {
  const cache = newCache();
  const made = await Promise.all(
    [1, 2].map(() =>
      cache.keep(key, shell, async (dir) => {
        await new Promise((resolve) => setImmediate(resolve));
        if (existsSync(dir))
          throw new RigError('there', { code: 'snapshot.exists', blame: 'rig', hint: 'h' });
        mkdirSync(dir);
      }),
    ),
  );
  t.same(made.sort(), [false, true]);
});

t.test('what was not used for longest goes first, and what was just made stays', async (t) => {
  const cache = newCache(kilobytes(100));
  const images = ['a', 'b', 'c'];
  for (const [index, image] of images.entries()) {
    await cache.keep({ image }, shell, (dir) => writeSnapshot(dir, { image }, { stateBytes: kilobytes(40) }));
    age(await cache.find({ image }, shell), (3 - index) * hourMs);
  }
  t.ok(await cache.find({ image: 'b' }, shell), 'used again');
  await cache.keep({ image: 'd' }, shell, (dir) =>
    writeSnapshot(dir, { image: 'd' }, { stateBytes: kilobytes(40) }),
  );
  // Both within one tick of the file system's clock: which is first says nothing.
  t.same((await cache.list()).map(({ saved }) => saved?.key.image).sort(), ['b', 'd']);
  await cache.keep({ image: 'e' }, shell, (dir) =>
    writeSnapshot(dir, { image: 'e' }, { stateBytes: kilobytes(400) }),
  );
  t.same(
    (await cache.list()).map(({ saved }) => saved?.key.image),
    ['e'],
    'one that is larger than the limit serves its own run',
  );
  const none = newCache(0);
  t.notOk(await none.keep(key, shell, async () => t.fail('nothing is to be kept')));
});

t.test('prune removes what is old, what is damaged, and what a killed process left', async (t) => {
  const cache = newCache();
  await cache.keep({ image: 'old' }, shell, (dir) => writeSnapshot(dir, { image: 'old' }));
  age(await cache.find({ image: 'old' }, shell), 48 * hourMs);
  await cache.keep({ image: 'new' }, shell, (dir) => writeSnapshot(dir, { image: 'new' }));
  const damaged = await cache.find({ image: 'new' }, shell);
  const twin = { ...shell, twin: 2 };
  await cache.keep({ image: 'new' }, twin, (dir) => writeSnapshot(dir, { image: 'new' }));
  writeFileSync(join(damaged ?? '', 'snapshot.json'), '{"version":');
  // No process has the first number: it is above the largest that Linux gives (proc(5), pid_max).
  const left = [`.x-shell-1.part-4194305-ab`, `.trash-4194305-cd`, `.y-shell-1.part-${process.pid}-ef`];
  for (const name of left) mkdirSync(join(cache.dir, name));
  mkdirSync(join(cache.dir, 'somebody-elses'));
  writeFileSync(join(cache.dir, `${'0'.repeat(24)}-shell-1`), 'a file in the place of a snapshot');
  t.equal((await cache.list()).find(({ dir }) => dir === damaged)?.saved, undefined);
  const gone = await cache.prune({ unusedForMs: 24 * hourMs });
  t.equal(gone.length, 3);
  t.match(await cache.list(), [{ ...twin, saved: { key: { image: 'new' } } }]);
  t.same(
    readdirSync(cache.dir).filter((name) => !/^[0-9a-f]{24}-/.test(name)),
    [left[2], 'somebody-elses'],
    'work of a living process and strange files stay',
  );
});

t.test('a cache that cannot be used says so', async (t) => {
  const file = newFolder();
  writeFileSync(file, '');
  const cache = new SnapshotCache(join(file, 'x'), { maxBytes: 1 });
  await t.rejects(
    cache.keep(key, shell, () => Promise.resolve()),
    { code: 'cache.unusable', blame: 'rig' },
  );
});

const image: Image = { path: '/image', sha256: 'image', sizeBytes: 1 };

interface Told {
  readonly verdicts: string[];
  readonly diary: readonly string[];
  readonly logs: string[];
}

async function runWarm(
  define: (test: AddTest) => void,
  {
    cache,
    script = {},
    order,
  }: { cache: SnapshotCache; script?: Script; order?: (plan: BoardPlan) => BoardPlan },
): Promise<Told> {
  const events: EventBody[] = [];
  const boards: ScriptedBoard[] = [];
  const plan = planBoard(boardConfig(), [suite('s', { summary: 'scripted' }, define)], { tier: 'nightly' });
  await run({
    plans: [order ? order(plan) : plan],
    jobs: 1,
    signal: new AbortController().signal,
    openBoard: async (config) => {
      const board = new ScriptedBoard(config, { snapshots: () => undefined, ...script });
      boards.push(board);
      return board;
    },
    siblings: (config, count) =>
      Array.from({ length: count }, (_, index) => boardConfig(`${config.name}~${index}`)),
    image: async () => image,
    derive: async () => undefined,
    bundle: async () => undefined,
    emit: (event) => events.push(event),
    evidenceFile: async (_place, name) => ({ path: join(folder, name), relative: name }),
    mask: (text) => text,
    retries: 0,
    seed: 1,
    scale: () => 1,
    warm: new WarmStates(cache, (event) => events.push(event)),
  });
  return {
    diary: boards.flatMap(({ diary }) => diary),
    logs: events.flatMap((event) => (event.type === 'log' ? [`${event.level}: ${event.message}`] : [])),
    verdicts: events.flatMap((event) =>
      event.type === 'test.end'
        ? [`${event.name} ${event.verdict}${event.error ? ` ${event.error.code}` : ''}`]
        : [],
    ),
  };
}

function tests(test: AddTest): void {
  test('clean', (t) => void t.ok(true));
  test('clean too', (t) => void t.ok(true));
  test('dirties', { dirties: 'memory' }, (t) => void t.ok(true));
  test('fails', { dirties: 'disk' }, (t) => void t.ok(false));
  test('boots', { from: 'off' }, async (t) => void (await t.board.boot()));
  test('last', { dirties: 'network' }, (t) => void t.ok(true));
}

t.test('the first run boots once and saves; a later one restores, and only what is dirty', async (t) => {
  const cache = newCache();
  const cold = await runWarm(tests, { cache });
  const boot = ['off', 'provision nothing', 'boot', 'save shell'];
  const later = ['restore shell', 'restore shell', 'off', 'provision nothing', 'boot', 'dispose'];
  t.same(cold.diary, ['off', ...boot.slice(1), ...later]);
  const found = 'info: No saved state "shell" fits: none was saved of such a board yet';
  t.same(cold.logs, [found], 'why it is cold is said once');
  const warm = await runWarm(tests, { cache });
  t.same(warm.diary, ['restore shell', ...later]);
  t.same(warm.verdicts, cold.verdicts);
});

t.test(
  'where nothing is saved, the board that a test has booted goes on, and is saved when a boot is needed',
  async (t) => {
    const cache = newCache();
    const define = (test: AddTest): void => {
      test('boots', { from: 'fresh' }, async (t) => void (await t.board.boot()));
      test('clean', (t) => void t.ok(true));
      test('dirties', { dirties: 'memory' }, (t) => void t.ok(true));
      test('last', { dirties: 'memory' }, (t) => void t.ok(true));
    };
    const first = ['off', 'provision nothing', 'boot'];
    const cold = await runWarm(define, { cache });
    t.same(cold.diary, [...first, 'off', 'provision nothing', 'boot', 'save shell', 'dispose']);
    const warm = await runWarm(define, { cache });
    t.same(warm.diary, [...first, 'restore shell', 'restore shell', 'dispose'], 'a saved state is better');
    const fails = await runWarm(
      (test) => {
        test('boots', { from: 'fresh' }, async (t) => void t.ok((await t.board.boot()) === undefined));
        test('clean', (t) => void t.ok(true));
      },
      { cache: newCache() },
    );
    t.same(
      fails.diary.filter((entry) => entry === 'boot'),
      ['boot', 'boot'],
      'but not the one of a test that failed',
    );
  },
);

t.test('any order gives the same verdicts', async (t) => {
  const cache = newCache();
  const sorted = async (seed: number) =>
    await runWarm(tests, { cache, order: (plan) => shuffled(plan, seed) });
  const one = await sorted(1);
  const other = await sorted(2);
  t.not(String(one.verdicts), String(other.verdicts), 'the orders differ');
  t.same([...one.verdicts].sort(), [...other.verdicts].sort());
  t.same((await sorted(1)).verdicts, one.verdicts, 'a seed always gives the same order');
});

t.test('a snapshot of no use is a miss with a warning, and is replaced', async (t) => {
  const cache = newCache();
  await runWarm(tests, { cache });
  let broken = true;
  const snapshots = (call: string): Error | undefined => {
    if (!broken || call !== 'restore shell') return undefined;
    broken = false;
    return new RigError('it is damaged', { code: 'snapshot.corrupt', blame: 'rig', hint: 'h' });
  };
  const told = await runWarm((test) => test('clean', (t) => void t.ok(true)), {
    cache,
    script: { snapshots },
  });
  t.same(told.diary, ['restore shell', 'off', 'provision nothing', 'boot', 'save shell', 'dispose']);
  t.same(told.verdicts, ['clean passed']);
  t.same(told.logs, ['warning: Boots cold, the saved state "shell" is of no use: it is damaged']);
});

t.test(
  'a guest that cannot be told the time is an error of the rig in every test, never a failure',
  async (t) => {
    const cache = newCache();
    await runWarm(tests, { cache });
    const snapshots = (): Error =>
      new RigError('no date', { code: 'snapshot.clock-not-set', blame: 'rig', hint: 'h' });
    const told = await runWarm(
      (test) => {
        test('one', (t) => void t.ok(true));
        test('two', (t) => void t.ok(true));
        test('cold', { from: 'off' }, async (t) => void (await t.board.boot()));
      },
      { cache, script: { snapshots } },
    );
    t.same(told.verdicts, [
      'one errored snapshot.clock-not-set',
      'two errored snapshot.clock-not-set',
      'cold passed',
    ]);
  },
);

t.test('a board that cannot be saved is tested all the same', async (t) => {
  const snapshots = (): Error =>
    new RigError('no room', { code: 'qemu.host-disk-full', blame: 'rig', hint: 'h' });
  const cache = newCache();
  const { verdicts, logs } = await runWarm((test) => test('clean', (t) => void t.ok(true)), {
    cache,
    script: { snapshots },
  });
  t.same(verdicts, ['clean passed']);
  t.match(logs[1], /^warning: The state "shell" was not saved for later runs: no room$/);
  t.same(await cache.list(), []);
});

t.test('a save that costs the board costs a boot, and no test its verdict', async (t) => {
  const snapshots = (): Error =>
    new RigError('QEMU was killed', { code: 'snapshot.not-saved', blame: 'rig', hint: 'h' });
  const define = (test: AddTest): void => {
    test('early', { from: 'bootloader' }, async (t) => void t.equal(await t.board.power.state(), 'on'));
    test('late', async (t) => void t.equal(await t.board.power.state(), 'on'));
  };
  const script = { snapshots, savesCut: true };
  const { diary, verdicts } = await runWarm(define, { cache: newCache(), script });
  t.same(verdicts, ['early passed', 'late passed']);
  t.same(
    diary.filter((entry) => entry !== 'off'),
    [
      ...['provision nothing', 'bootloader', 'save bootloader', 'provision nothing', 'bootloader'],
      ...['provision nothing', 'boot', 'save shell', 'boot', 'dispose'],
    ],
    'a bootloader, which cannot be asked, is had from a new medium',
  );
});

t.test('twins are saved apart, and the bootloader is a state of its own', async (t) => {
  const cache = newCache();
  const define = (test: AddTest): void => {
    test('two', { boards: 2 }, (t) => void t.equal(t.boards.length, 2));
    test('early', { from: 'bootloader' }, (t) => void t.equal(t.boards.length, 1));
  };
  const cold = await runWarm(define, { cache });
  t.same(cold.diary.filter((entry) => entry.startsWith('save')).sort(), [
    'save bootloader',
    'save shell',
    'save shell',
  ]);
  t.same((await cache.list()).map(({ state, twin }) => `${state} ${twin}`).sort(), [
    'bootloader 1',
    'shell 1',
    'shell 2',
  ]);
  const warm = await runWarm(define, { cache });
  t.same(
    warm.diary.filter((entry) => /boot|provision/.test(entry)),
    ['restore bootloader'],
  );
});

function age(dir: string | undefined, ms: number): void {
  const time = new Date(Date.now() - ms);
  if (dir !== undefined) utimesSync(dir, time, time);
}
