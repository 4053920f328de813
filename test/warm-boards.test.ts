// test: vm
/** Boards that start from a saved state, through the real command: what may differ from a cold boot, and what must not. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openBoard } from '../bench/board/open.js';
import { cacheDir } from '../rig/config/folders.js';
import { packageRoot } from '../rig/config/package.js';
import type { RigEvent } from '../rig/contracts/events.js';
import { readEvents, World } from './e2e/world.js';

t.setTimeout(600_000);
const world = new World();
t.teardown(() => world[Symbol.dispose]());
cpSync(join(packageRoot, 'test/e2e/fixtures/warm.js'), join(world.cwd, 'warm.js'));
const saved = ownCache();

/** A cache folder with the images of the shared one and snapshots of its own. */
function ownCache(): string {
  const own = join(world.root, 'cache', 'boardrig');
  mkdirSync(own, { recursive: true });
  const shared = cacheDir(process.env);
  for (const name of readdirSync(shared))
    if (name !== 'snapshots') symlinkSync(join(shared, name), join(own, name));
  return join(own, 'snapshots');
}

interface Told {
  readonly code: number | null;
  readonly output: string;
  readonly verdicts: readonly string[];
  readonly boots: number;
  readonly events: readonly RigEvent[];
}

async function rigRun(...args: string[]): Promise<Told> {
  const env = { XDG_CACHE_HOME: join(world.root, 'cache'), BOARDRIG_SNAPSHOTS_MAX: '1G' };
  const ended = await world.rig(['run', './warm.js', ...args], { env });
  const events = readEvents(world.runs.at(-1) ?? '');
  const boots = events.flatMap((event) => (event.type === 'board.close' ? [event.boots] : []));
  return {
    code: ended.code,
    output: ended.stdout + ended.stderr,
    events,
    boots: boots.reduce((sum, count) => sum + count, 0),
    verdicts: events.flatMap((event) =>
      event.type === 'test.end' ? [`${event.name}: ${event.verdict}`] : [],
    ),
  };
}

/** What the suite read on the boards since it was last asked. */
function seen(what: string): string[] {
  const lines = readFileSync(join(world.cwd, 'seen.ndjson'), 'utf8').trim().split('\n');
  return lines.flatMap((line) => {
    const read = JSON.parse(line) as { what: string; text: string };
    return read.what === what ? [read.text] : [];
  });
}

const all = ['is early', 'has the right time', 'are two', 'dirties', 'dirties again'].map(
  (name) => `${name}: passed`,
);

await t.test('the first run boots, the second restores, and no test can tell', async (t) => {
  const cold = await rigRun();
  t.equal(cold.code, 0, cold.output);
  t.same(cold.verdicts, all);
  t.equal(cold.boots, 3, 'one to the bootloader, one to a shell, and the second board');
  t.match(cold.output, 'No saved state "shell" fits: none was saved of such a board yet');
  t.equal(readdirSync(saved).length, 3);
  const warm = await rigRun('--shuffle', '7');
  t.equal(warm.code, 0, warm.output);
  t.same([...warm.verdicts].sort(), [...all].sort());
  t.equal(warm.boots, 0);
  const epochs = warm.events.flatMap((event) => (event.type === 'epoch' ? [event.reason] : []));
  t.same([...new Set(epochs)], ['restore'], 'a console epoch each');
  const random = seen('random');
  t.equal(new Set(random).size, 6, `no two boards draw the same: ${random.join(' ')}`);
  const identities = seen('identity');
  t.equal(new Set(identities.slice(0, 2)).size, 2, 'the twins are two');
  t.same(new Set(identities).size, 2, 'and stay who they are');
});

await t.test('repetitions begin on forks of one saved state, beside each other', async (t) => {
  const before = seen('random').length;
  const { code, boots, output, events } = await rigRun(
    ...['--only', 'right time', '--repeat', '4', '--jobs', '2'],
  );
  t.equal(code, 0, output);
  t.equal(boots, 0);
  t.match(output, 'warm/has the right time: 4 of 4 passed');
  const boards = events.flatMap((event) => (event.type === 'board.open' ? [event.board] : []));
  t.same(boards.sort(), ['virt-arm64', 'virt-arm64~2']);
  const restores = events.filter((event) => event.type === 'snapshot' && event.action === 'restored');
  t.equal(restores.length, 4, 'each from its own');
  t.equal(new Set(seen('random').slice(before)).size, 4, 'none draws what another drew');
});

await t.test('a damaged snapshot costs a boot and a warning, and is replaced', async (t) => {
  const damagedOne = snapshotOf('shell-1');
  truncateSync(join(damagedOne, stateOf(damagedOne)), 1000);
  const damaged = await rigRun('--only', 'right time');
  t.match(damaged, { code: 0, boots: 1, verdicts: ['has the right time: passed'] });
  t.match(
    damaged.output,
    /Boots cold, the saved state "shell" is of no use: .* is damaged: machine\.\w+ has 1000 bytes/,
  );
  t.ok(statSync(join(damagedOne, stateOf(damagedOne))).size > 1000, 'the boot was saved in its place');
});

function snapshotOf(slot: string): string {
  return join(saved, readdirSync(saved).find((name) => name.endsWith(slot)) ?? '');
}

function stateOf(dir: string): string {
  return readdirSync(dir).find((file) => file.startsWith('machine.')) ?? '';
}

await t.test(
  'a restored guest is told the time and fresh randomness, or it is no guest for a test',
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'told-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    await using opened = await openBoard('virt-arm64', folder);
    const { board, session } = opened;
    const { snapshots, image } = board;
    if (!snapshots || !image) throw new Error('the board cannot be saved');
    const state = 'shell';
    await snapshots.restore(snapshotOf('shell-1'), { state, image });
    const old = join(folder, 'old');
    const draw = 'head -c 16 /dev/urandom | md5sum';
    await board.consoleShell.text('date -u -s @1000000000');
    await snapshots.save(old, { state });

    const drawn: string[] = [];
    for (let fork = 0; fork < 2; fork += 1) {
      await snapshots.restore(old, { state, image });
      const before = Date.now();
      const guest = Number(await board.consoleShell.text('date +%s')) * 1000;
      t.ok(guest > before - 3_000 && guest < Date.now() + 3_000, 'it slept for years and has the right time');
      drawn.push(await board.consoleShell.text(draw));
    }
    t.not(drawn[0], drawn[1], 'forks draw different numbers');

    await session.capabilities.snapshots?.restore(old);
    t.match(await board.consoleShell.text('date +%Y'), /^2001/, 'which it would not have by itself');
    const noDate =
      'printf "#!/bin/sh\\nexit 1\\n" >/run/date && chmod 755 /run/date && mount --bind /run/date /bin/date';
    await board.consoleShell.text(noDate);
    await snapshots.save(join(folder, 'no-date'), { state });
    await t.rejects(snapshots.restore(join(folder, 'no-date'), { state, image }), {
      code: 'snapshot.clock-not-set',
      blame: 'rig',
    });
  },
);
