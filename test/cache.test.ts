// test: light
/** `rig cache` on entries that look like saved boards. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { qemuDriver } from '../qemu/driver.js';
import type { CommandInput, CommandModule } from '../rig/cli/command.js';
import { explain, list, prune } from '../rig/cli/commands/cache.js';
import { openLab } from '../rig/cli/open-lab.js';
import { findBoard } from '../rig/config/find-boards.js';
import type { SnapshotKey } from '../rig/contracts/snapshot.js';
import { mediumBytesFor } from '../rig/core/board/medium-size.js';
import { type Slot, SnapshotCache } from '../rig/core/warm/snapshot-cache.js';
import { sizeWords } from '../rig/schema/units.js';
import { writeSnapshot } from './fakes/snapshot-folder.js';

const dir = mkdtempSync(join(tmpdir(), 'cache-test-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));
const shell = { state: 'shell', twin: 1 } as const;
const hourMs = 3600 * 1000;
const image = join(dir, 'mine.img');
writeFileSync(image, Buffer.alloc(1024 * 1024));

interface Told {
  readonly out: string;
  readonly json: Facts;
}
type Facts = { readonly [name: string]: unknown };

/** A cache of its own, and the commands on it. */
class Home {
  readonly dir = mkdtempSync(join(dir, 'home-'));
  readonly cache = new SnapshotCache(join(this.dir, 'boardrig', 'snapshots'), { maxBytes: 2 ** 40 });
  readonly env: Record<string, string> = { XDG_CACHE_HOME: this.dir, HOME: this.dir };

  async call(
    command: CommandModule['run'],
    { args = [], options = {} }: Partial<Pick<CommandInput, 'args' | 'options'>> = {},
  ): Promise<Told> {
    const one = async (more: CommandInput['options']): Promise<string> => {
      const out: string[] = [];
      const io = {
        out: (text: string) => void out.push(text),
        err: () => {},
        hide: () => {},
        terminal: false,
        env: this.env,
        cwd: dir,
        signal: new AbortController().signal,
      };
      const code = await command({ args, options: { ...options, ...more }, rest: [] }, io);
      if (code !== 0) throw new Error(`exit code ${code}`);
      return out.join('');
    };
    const out = await one({});
    // The second call finds what the first left: only commands that change nothing are asked for both.
    return { out, json: command === prune ? {} : (JSON.parse(await one({ json: true })) as Facts) };
  }

  explain(options: CommandInput['options'] = { image }): Promise<Told> {
    return this.call(explain, { args: ['virt-arm64'], options });
  }

  async save(
    key: SnapshotKey,
    {
      slot = shell,
      ageMs = 0,
      ...more
    }: { slot?: Slot; ageMs?: number; stateBytes?: number; imagePath?: string } = {},
  ): Promise<string> {
    const savedAt = new Date(Date.now() - ageMs).toISOString();
    await this.cache.keep(key, slot, (folder) => writeSnapshot(folder, key, { savedAt, ...more }));
    const found = (await this.cache.find(key, slot)) ?? '';
    utimesSync(found, new Date(), new Date(Date.now() - ageMs));
    return found;
  }
}

const keyOfMine = async (home: Home): Promise<SnapshotKey> =>
  (await home.explain()).json.key as unknown as SnapshotKey;

t.test('an empty cache', async (t) => {
  const home = new Home();
  const { out, json } = await home.call(list);
  t.match(out, `0 saved boards, 0 B of at most 4 GiB, in ${home.cache.dir}`);
  t.match(json, {
    totalBytes: 0,
    maxBytes: 4 * 2 ** 30,
    entries: [],
    images: { totalBytes: 0 },
    bundles: { totalBytes: 0 },
  });
  const explained = await home.explain();
  t.match(explained.out, /^virt-arm64 with image mine \([0-9a-f]{12}\)$/m);
  t.match(explained.out, /shell: cold.*\n {4}no board of this type was saved in this state/);
  t.match((await home.call(prune)).out, 'nothing to remove; 0 saved boards left');
  t.notOk(existsSync(home.cache.dir), 'asking makes no folder');
});

t.test('the key is that of the board itself, which is not opened', async (t) => {
  const home = new Home();
  const { board, key } = await fromDriver(home);
  t.same(await keyOfMine(home), key);
  t.equal(board, 'virt-arm64');
});

/** The key that the driver's own snapshots tell. */
async function fromDriver(home: Home): Promise<{ board: string; key: SnapshotKey | undefined }> {
  const io = { out: () => {}, err: () => {}, hide: () => {}, terminal: false, env: home.env, cwd: dir };
  const lab = await openLab(
    { args: [], options: {}, rest: [] },
    { ...io, signal: new AbortController().signal },
  );
  const board = findBoard(lab, 'virt-arm64');
  const context = {
    board,
    workDir: join(home.dir, 'work'),
    stateDir: join(home.dir, 'state'),
    emit: () => {},
  };
  await using device = await qemuDriver.open({ driver: 'qemu', options: {} }, context);
  const sha256 = ((await home.explain()).json.image as { sha256: string }).sha256;
  const mine = { path: image, sha256, sizeBytes: 1024 * 1024 };
  const mediumBytes = mediumBytesFor(board.type, mine);
  return { board: board.name, key: await device.capabilities.snapshots?.key({ image: mine, mediumBytes }) };
}

t.test('a hit, and what is said of each kind of miss', async (t) => {
  const home = new Home();
  const key = await keyOfMine(home);
  const miss = async (changed: Record<string, string>, imagePath?: string): Promise<string> => {
    const other = new Home();
    await other.save({ ...key, ...changed }, { ageMs: 3 * hourMs, ...(imagePath ? { imagePath } : {}) });
    const { out, json } = await other.explain();
    t.match(out, 'not from the board saved 3 h ago', Object.keys(changed).join());
    t.match(json, { states: [{ state: 'shell', start: 'cold', misses: [{ entry: { key: changed } }] }] });
    return out;
  };
  const hash = 'ab12'.repeat(16);
  t.match(
    await miss({ image: hash }, '/images/boardrig-tiny-arm64-dev-1.0.0.img'),
    /the image differs: it was boardrig-tiny-arm64-dev-1\.0\.0 \(ab12ab12ab12\) and is mine \([0-9a-f]{12}\)$/m,
  );
  t.match(await miss({ 'QEMU version': '7.1.0' }), /QEMU version was "7\.1\.0" and is ".+"$/m);
  t.match(await miss({ firmware: `U-Boot ${hash}` }), /the firmware was U-Boot ab12ab12ab12 and is U-Boot /);
  t.match(
    await miss({ 'board type': `virt-arm64 ${hash}` }),
    'the description of the board type virt-arm64 has changed',
  );
  t.match(
    await miss({ machine: key.machine?.replace('-m 256M', '-m 512M') ?? '' }),
    /QEMU's command line differs: it had -m 512M and has -m 256M$/m,
  );
  const foreign = new Home();
  await foreign.save({ ...key, 'board type': `virt-x86-64 ${hash}` });
  t.match((await foreign.explain()).out, /shell: cold.*\n {4}no board of this type was saved in this state/);

  const used = await home.save(key, { ageMs: 5 * hourMs });
  const before = (await home.cache.list())[0]?.usedAt;
  const { out, json } = await home.explain();
  t.match(out, /shell: warm, from a board saved 5 h ago \(\d/);
  t.match(out, /bootloader: cold/);
  t.match(json, {
    states: [{ state: 'shell', start: 'warm', entry: { dir: used }, misses: [] }, { start: 'cold' }],
  });
  t.same((await home.cache.list())[0]?.usedAt, before, 'asking is no use of it');
  writeFileSync(join(used, 'snapshot.json'), '{');
  t.match((await home.explain()).out, /shell: cold.*\n {4}what was saved is damaged/);
});

t.test('of several the nearest is told first, and not all', async (t) => {
  const home = new Home();
  const key = await keyOfMine(home);
  await home.save({ ...key, 'QEMU version': '7.1.0', accelerator: 'kvm' });
  await home.save({ ...key, 'QEMU version': '7.1.1' }, { ageMs: 9 * hourMs });
  await home.save({ ...key, 'QEMU version': '7.1.2', accelerator: 'kvm', firmware: 'none' });
  const { out } = await home.explain();
  t.ok(out.indexOf('7.1.1') > 0 && out.indexOf('7.1.1') < out.indexOf('7.1.0'), out);
  t.notMatch(out, '7.1.2');
});

t.test('boards that never start warm', async (t) => {
  const home = new Home();
  home.env.BOARDRIG_SNAPSHOTS_MAX = '0';
  t.match((await home.explain()).out, 'always cold: the limit of the cache is 0');
  home.env.BOARDRIG_SNAPSHOTS_MAX = 'much';
  await t.rejects(home.explain(), { code: 'cli.bad-size', blame: 'config' });
});

t.test('the list', async (t) => {
  const home = new Home();
  const key = await keyOfMine(home);
  await home.save(key, { stateBytes: 100_000, imagePath: '/x/\x1b]0;title.img', ageMs: 50 * hourMs });
  await home.save(key, { slot: { state: 'bootloader', twin: 1 } });
  const damaged = await home.save(key, { slot: { ...shell, twin: 2 }, ageMs: hourMs });
  writeFileSync(join(damaged, 'snapshot.json'), '');
  for (const [what, file, mebibytes] of [
    ['images', 'x.img', 3],
    ['bundles', 'x.raucb', 5],
  ] as const) {
    mkdirSync(join(home.dir, 'boardrig', what, 'abc'), { recursive: true });
    writeFileSync(join(home.dir, 'boardrig', what, 'abc', file), Buffer.alloc(mebibytes * 1024 * 1024, 1));
  }
  const { out, json } = await home.call(list);
  const [head, ...rows] = out.split('\n');
  t.match(head, /^BOARD TYPE +IMAGE +STATE +SIZE +SAVED +LAST USED$/);
  t.match(rows[0], /^virt-arm64 +[0-9a-f]{12} +bootloader +\S+ KiB +just now +just now$/);
  t.match(rows[1], /^\? \(damaged\) +\? +shell of board 2 .*1 h ago$/);
  t.match(rows[2], /^virt-arm64 +␛\]0;title \(\w+\) +shell +10\d\S* KiB +2 days ago +2 days ago$/);
  t.match(out, /^3 saved boards, \S+ KiB of at most 4 GiB, in /m);
  t.match(out, /^images: 3 MiB in .*images$/m);
  t.match(out, /^bundles: 5 MiB in .*bundles$/m);
  t.match(json, { entries: [{ state: 'bootloader' }, { damaged: true, twin: 2 }, { state: 'shell' }] });
});

t.test('prune removes what it is told to, and nothing else', async (t) => {
  const filled = async (): Promise<Home> => {
    const home = new Home();
    const key = await keyOfMine(home);
    for (const [index, name] of ['a', 'b', 'c'].entries())
      await home.save({ ...key, image: name }, { ageMs: index * 40 * 24 * hourMs, stateBytes: 200_000 });
    return home;
  };
  const left = async (home: Home): Promise<(string | undefined)[]> =>
    (await home.cache.list()).map(({ saved }) => saved?.key.image);
  const pruned = async (
    options: CommandInput['options'],
    env: Record<string, string> = {},
  ): Promise<unknown> => {
    const home = await filled();
    Object.assign(home.env, env);
    await home.call(prune, { options });
    return left(home);
  };
  t.same(await pruned({}), ['a', 'b', 'c'], 'all within the limit');
  t.same(await pruned({}, { BOARDRIG_SNAPSHOTS_MAX: '500K' }), ['a', 'b'], 'the limit');
  t.same(await pruned({ olderThan: '30d' }), ['a'], 'longer than a timer can wait');
  t.same(await pruned({ maxSize: '250K' }), ['a']);
  t.same(await pruned({ maxSize: '0' }), []);
  t.same(await pruned({ all: true }), []);
  const home = await filled();
  t.match(
    (await home.call(prune, { options: { olderThan: '60d' } })).out,
    /^removed 1 saved board, \S+ KiB; 2 saved boards left/,
  );
  t.match((await home.call(list)).json, { entries: { length: 2 } });
  for (const options of [{ olderThan: 'week' }, { maxSize: 'small' }])
    await t.rejects(home.call(prune, { options }), { code: 'cli.bad-option', blame: 'config' });
});

t.test('commands at the same time do not disturb each other', async (t) => {
  const home = new Home();
  const key = await keyOfMine(home);
  for (let index = 0; index < 12; index += 1) await home.save({ ...key, image: String(index) });
  await Promise.all([
    ...Array.from({ length: 4 }, () => home.call(prune, { options: { all: true } })),
    ...Array.from({ length: 4 }, () => home.call(list)),
    home.explain(),
  ]);
  t.same(await home.cache.list(), []);
});

t.test('sizes in words', async (t) => {
  t.same([0, 1, 1023, 1024, 1536, 5 * 2 ** 20, 4 * 2 ** 30, 2 ** 50].map(sizeWords), [
    '0 B',
    '1 B',
    '1023 B',
    '1 KiB',
    '1.5 KiB',
    '5 MiB',
    '4 GiB',
    '1024 TiB',
  ]);
});
