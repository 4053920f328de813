// test: light
// Long because the same letters and disks serve all of it.
// Why a crash state is bad: the fewest writes that make it so, what they changed, and the file that makes it again.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import t from 'tap';
import { sectorBytes } from '../rig/contracts/powercut.js';
import type { ReplayFile } from '../rig/contracts/powercut-verdict.js';
import { bootRelevantKinds, Danger } from '../rig/core/powercut/danger.js';
import type { EnumerateOptions } from '../rig/core/powercut/enumerate.js';
import { explainWrites } from '../rig/core/powercut/explain.js';
import { parseReplayFile, piecesOf, unpackReplay } from '../rig/core/powercut/replay-file.js';
import { shrink } from '../rig/core/powercut/shrink.js';
import { stateByName } from '../rig/core/powercut/states.js';
import type { ReadAt } from '../rig/image/partition-table.js';
import { changedFiles } from '../rig/image/regions/changed-files.js';
import { mergeRegions } from '../rig/image/regions/merge.js';
import { RegionMap } from '../rig/image/regions/region-map.js';
import { diskRegions } from '../rig/image/regions/regions.js';
import { partitionedImage, parts } from './flash/images.js';
import { bytesOf, drawer, letterLog, mediumOf } from './powercut/random-logs.js';

t.test('a bad state is shrunk to the fewest writes that make it so', async (t) => {
  const writes = Array.from({ length: 12 }, (_, at) => ({ at, letters: 'b' }));
  const log = letterLog('a'.repeat(20), [...writes.slice(0, 4), 'flush', ...writes.slice(4)]);
  const { entries } = log;
  const shrunk = async (
    name: string,
    isBad: (medium: string) => boolean,
    model: EnumerateOptions['model'] = 'write-back',
  ) => {
    let asked = 0;
    const result = await shrink(stateByName(entries, name), {
      entries,
      model,
      isBad: async (state) => {
        asked += 1;
        return isBad(mediumOf(log, state));
      },
    });
    t.equal(result.tried, asked, 'none is asked about twice');
    t.ok(isBad(mediumOf(log, result.state)) || result.writes.length === 0, 'still bad');
    return result;
  };
  t.match(
    await shrunk('e1:prefix:w11', (medium) => medium[5] === 'b' && medium[8] === 'b'),
    { because: 'kept', writes: [6, 9] },
    'two that must be there',
  );
  t.match(
    await shrunk(
      'e1:subset:2f',
      (medium) => [4, 5, 6, 7].every((at) => medium[at] === 'b') && medium[8] === 'a',
    ),
    { because: 'lost', writes: [9], isMinimal: true },
    'one that must be missing',
  );
  t.match(
    await shrunk('e1:subset:5', (medium) => medium[2] === 'b'),
    { because: 'kept', writes: [2] },
    'the boundary was bad already: it came with an earlier epoch',
  );
  t.match(
    await shrunk('e1:prefix:w6', () => true),
    { because: 'kept', writes: [] },
    'bad from the beginning',
  );
  t.match(
    await shrunk('e1:prefix:w11', (medium) => medium[7] === 'b', 'ordered'),
    { because: 'kept', writes: [5, 6, 7, 8] },
    'where the order is kept, all before it come along',
  );
});

t.test('a tear stays where it matters', async (t) => {
  const log = letterLog('aaaaaa', [
    { at: 5, letters: 'x' },
    { at: 4, letters: 'y' },
    { at: 0, letters: 'bcd' },
  ]);
  const run = (isBad: (medium: string) => boolean) =>
    shrink(stateByName(log.entries, 'e0:torn:w2+1'), {
      entries: log.entries,
      model: 'write-back',
      isBad: async (state) => isBad(mediumOf(log, state)),
    });
  const torn = await run((medium) => medium.startsWith('ba') && medium[5] === 'x');
  t.match(torn, { because: 'kept', writes: [0, 2], state: { name: 'e0:torn:w2+1@1' } });
  t.same(stateByName(log.entries, torn.state.name).kept, [0, 2], 'it has a name that makes it again');
  t.match(
    await run((medium) => medium[4] === 'y'),
    { because: 'kept', writes: [1], state: { torn: undefined } },
    'a tear that does not matter goes',
  );
});

t.test('shrinking gives up in time and says so', async (t) => {
  const log = letterLog(
    'a'.repeat(20),
    Array.from({ length: 16 }, (_, at) => ({ at, letters: 'b' })),
  );
  const { entries } = log;
  const { tried, isMinimal } = await shrink(stateByName(entries, 'e0:prefix:w15'), {
    entries,
    model: 'write-back',
    maxTries: 5,
    isBad: async (state) => [...mediumOf(log, state)].filter((letter) => letter === 'b').length >= 9,
  });
  t.same({ tried, isMinimal }, { tried: 5, isMinimal: false });
});

t.test('what is dangerous comes first, and writes are explained', async (t) => {
  const regions = [
    { kind: 'environment', sector: 0, sectors: 2, what: 'environment, first copy' },
    { kind: 'slot', sector: 2, sectors: 8, what: 'slot B' },
  ] as const;
  const map = new RegionMap(regions);
  const regionsAt = (sector: number, sectors: number) => map.at(sector, sectors);
  const { entries } = letterLog('a'.repeat(10), [
    { at: 3, letters: 'bb' },
    { at: 5, letters: 'b' },
    'flush',
    { at: 1, letters: 'cc' },
    { at: 7, letters: 'c' },
    'flush',
    { at: 6, letters: 'd' },
    { at: 8, letters: 'd' },
    { at: 0, letters: 'd' },
  ]);
  const danger = new Danger(entries, regionsAt);
  const of = (name: string): number => danger.of(stateByName(entries, name));
  t.ok(of('e1:lost:w3') < of('e0:prefix:w0'), 'the environment before the slot');
  t.equal(of('e1:boundary'), of('e1:torn:w3+1'), 'what comes next counts too');
  t.equal(of('e2:lost:w6'), of('e1:lost:w3'), 'an environment that is there before the slot is');
  t.ok(of('e2:lost:w6') < of('e2:prefix:w6'), 'rather than one that is not there either');
  t.same(
    explainWrites([3], {
      entries,
      phases: [
        { name: 'install', from: 0 },
        { name: 'switch', from: 3 },
      ],
      regionsAt,
    }),
    [
      {
        entry: 3,
        sector: 1,
        sectors: 2,
        bytes: 1024,
        phase: 'switch',
        epoch: 1,
        what: 'environment, first copy; slot B',
        regions: ['environment', 'slot'],
      },
    ],
  );
});

t.test('regions: what a table and file systems say, found again by what is in them', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cut-regions-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const disk = readFileSync(partitionedImage(folder));
  const read: ReadAt = async (position, length) => disk.subarray(position, position + length);
  const regions = await diskRegions(read, { sizeBytes: disk.length, slots: ['other'] });
  const map = new RegionMap(regions);
  const at = (byte: number, sectors = 1) => map.at(byte / 512, sectors);
  const names = (byte: number): string[] => at(byte).map(({ what }) => what);
  const file = readFileSync(join(folder, 'fat-file'));
  const place = disk.indexOf(file.subarray(0, 512));
  t.match(at(place), [{ kind: 'boot-partition', file: '/file', partition: 'fat', what: 'fat: file /file' }]);
  t.match(at(disk.indexOf(readFileSync(join(folder, 'deleted')).subarray(0, 512))), [{ what: /free/ }]);
  t.same(names(parts.fat.start), ['fat: boot sector']);
  t.match(names(parts.fat.start + 32 * 512), ['fat: file allocation table, copy 1']);
  t.match(at(0), [{ kind: 'partition-table' }]);
  t.match(at(disk.length - 512), [{ kind: 'partition-table', what: /backup/ }]);
  t.match(at(512 * 1024), [{ kind: 'environment', what: 'outside the partitions' }]);
  t.match(at(parts.ext4.start + 1024), [{ kind: 'superblock', partition: 'ext4' }]);
  // The journal begins with a superblock of its own, big endian (Documentation/filesystems/ext4/journal.rst).
  const journal = regions.filter(({ kind }) => kind === 'journal');
  t.equal(disk.readUInt32BE((journal[0]?.sector ?? 0) * 512), 0xc03b3998);
  t.match(at(disk.indexOf(readFileSync(join(folder, 'ext4-tree/file')).subarray(0, 512))), [
    { kind: 'data' },
  ]);
  t.match(at(parts.other.start), [{ kind: 'slot', what: 'slot other' }]);
  t.same(
    at(parts.ext4.start - 512, 2).map(({ kind }) => kind),
    ['boot-partition', 'superblock'],
    'a write over a border is both',
  );
  t.notOk(map.isAnyOf(bootRelevantKinds)(parts.other.start / 512));
  t.ok(map.isAnyOf(bootRelevantKinds)(0));
  const other = { kind: 'unknown', sector: place / 512, sectors: 1, what: 'x' } as const;
  t.match(
    new RegionMap(mergeRegions([other], regions)).at(place / 512, 1),
    [{ file: '/file' }],
    'what was ever a file is that file',
  );
  const sectors = regions.reduce((most, { sector, sectors }) => Math.max(most, sector + sectors), 0);
  t.equal(sectors, disk.length / 512, 'nothing lies past the end');
});

t.test('a write to a folder or a table of FAT names the file that it changes', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cut-regions-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const disk = readFileSync(partitionedImage(folder));
  const entry = disk.indexOf('FILE       ', parts.fat.start, 'latin1');
  t.ok(entry > parts.fat.start, 'the folder has it');
  const size = disk.readUInt32LE(entry + 28);
  const cluster = disk.readUInt16LE(entry + 26);
  const table = parts.fat.start + 512 * disk.readUInt16LE(parts.fat.start + 14);
  const changed = (at: number, change: (copy: Buffer) => void): Promise<string[]> => {
    const copy = Buffer.from(disk);
    change(copy);
    const reader =
      (bytes: Buffer): ReadAt =>
      async (position, length) =>
        bytes.subarray(position, position + length);
    const disks = { before: reader(disk), after: reader(copy), sizeBytes: disk.length };
    return changedFiles(disks, { sector: Math.floor(at / 512) });
  };
  t.same(await changed(entry, (copy) => copy.writeUInt32LE(0, entry + 28)), [
    `file /file: ${size} to 0 bytes`,
  ]);
  t.same(await changed(entry, (copy) => copy.writeUInt8(0xe5, entry)), ['file /file: gone']);
  // FAT32 has four bytes for each cluster: its chain ends before it begins.
  const free = (copy: Buffer): unknown => copy.fill(0, table + cluster * 4, table + cluster * 4 + 4);
  t.match((await changed(table, free)).join(), /file \/file: clusters, \d{3,} from (\d+), now 1 from \1$/);
  t.same(await changed(entry, () => {}), []);
  t.same(await changed(parts.other.start, (copy) => copy.fill(1, parts.other.start)), [], 'what is no FAT');
});

t.test('regions of a damaged disk: whatever it says, an answer', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cut-regions-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const disk = readFileSync(partitionedImage(folder));
  const draw = drawer(5);
  for (let round = 0; round < 15; round += 1) {
    const copy = Buffer.from(disk);
    for (const start of [
      parts.fat.start,
      parts.fat.start + 16384,
      parts.ext4.start + 1024,
      parts.ext4.start + 4096,
    ])
      for (let change = 0; change < 12; change += 1) copy.writeUInt8(draw(256), start + draw(512));
    const read: ReadAt = async (position, length) => copy.subarray(position, position + length);
    await t.resolves(diskRegions(read, { sizeBytes: copy.length, slots: [] }), `round ${round}`);
  }
});

t.test('a replay file holds what the boot read, and makes the state again', async (t) => {
  const log = letterLog('abcdefgh', [
    { at: 1, letters: 'xy' },
    { at: 6, letters: 'z' },
  ]);
  const { readBase } = bytesOf(log);
  const view = (sector: number, sectors: number) =>
    bytesOf({ ...log, base: 'axydefzh' }).readBase(sector, sectors);
  const state = stateByName(log.entries, 'e0:prefix:w1');
  const file: ReplayFile = {
    format: 'boardrig-powercut-replay/1',
    operation: 'update',
    board: 'virt-arm64',
    state,
    verdict: { outcome: 'bricked', brick: 'no-slot', why: 'it says so', by: 'boot' },
    explained: [],
    base: { sha256: '0'.repeat(64), mediumBytes: 8 * sectorBytes },
    holds: 'read',
    pieces: await piecesOf(
      { read: Float64Array.of(0, 2, 6, 1), view, image: readBase },
      { mediumBytes: 8 * sectorBytes },
    ),
  };
  const parsed = parseReplayFile(JSON.stringify(file));
  const { bytes, extents } = unpackReplay(parsed);
  t.same([...extents.sector], [1, 6], 'sector 2 was not read');
  t.equal(bytes.toString('latin1', 0, 1) + bytes.toString('latin1', 512, 513), 'xz');
  t.same(parsed.state.kept, [0, 1]);
  const broken = (
    change: (json: { pieces: { deflated: string; sector: number }[] }) => void,
  ): (() => void) => {
    const json = JSON.parse(JSON.stringify(file));
    change(json);
    return () => unpackReplay(parseReplayFile(JSON.stringify(json)));
  };
  const [piece, second] = file.pieces;
  if (!piece || !second) return void t.fail('it has two pieces');
  const bad = { code: 'powercut.bad-replay' };
  t.throws(() => parseReplayFile('{'), bad);
  t.throws(
    broken((json) => void json.pieces.push(piece)),
    bad,
    'overlap',
  );
  t.throws(
    broken((json) => void json.pieces.splice(0, 2, { ...piece, sector: 8 })),
    bad,
    'past the medium',
  );
  t.throws(
    broken((json) => void json.pieces.splice(0, 2, { ...piece, deflated: second.deflated.slice(4) })),
    bad,
    'damaged',
  );
  const bomb = deflateRawSync(Buffer.alloc(1 << 20)).toString('base64');
  t.throws(
    broken((json) => void json.pieces.splice(0, 2, { ...piece, deflated: bomb })),
    bad,
    'more than it says',
  );
  const large = (mediumBytes: number, sectors: number) =>
    JSON.stringify({ ...file, base: { ...file.base, mediumBytes }, pieces: [{ ...piece, sectors }] });
  t.throws(() => unpackReplay(parseReplayFile(large(2 ** 40, 2 ** 30))), {
    ...bad,
    message: /holds more than/,
  });
  t.throws(
    () => parseReplayFile(large(2 ** 50, 1)),
    bad,
    'a medium that no memory holds a bit for each sector of',
  );
});
