// test: light
// Long because the same small logs and the same brute force judge all of it.
// The power-cut explorer without a board: which states there are, which of them a boot can tell apart. Judged by brute force on small logs.
import t from 'tap';
import { type CrashState, type LogEntry, mediumModels, type SectorSet } from '../rig/contracts/powercut.js';
import { Contents } from '../rig/core/powercut/contents.js';
import { coverageOf, type Witness } from '../rig/core/powercut/coverage.js';
import { type EnumerateOptions, enumerate } from '../rig/core/powercut/enumerate.js';
import { countKeptSets, epochsOf } from '../rig/core/powercut/epochs.js';
import { Layers } from '../rig/core/powercut/layers.js';
import { ReadSetView } from '../rig/core/powercut/read-set-view.js';
import { settleSampled } from '../rig/core/powercut/settle-sampled.js';
import { stateByName } from '../rig/core/powercut/states.js';
import { bytesOf, drawer, type LetterLog, letterLog, mediumOf, randomLog } from './powercut/random-logs.js';

const seeds = Array.from({ length: 40 }, (_, index) => index);

/** What a cut leaves of a write-back cache, by cutting at each moment: all that is flushed or FUA, and any part of the rest. */
function setsByCutting(entries: readonly LogEntry[]): Set<string> {
  const found = new Set<string>();
  let durable: number[] = [];
  let cached: LogEntry[] = [];
  const cutNow = (): void => {
    const loose = cached.filter(({ fua }) => !fua);
    for (let bits = 0; bits < 2 ** loose.length; bits += 1) {
      const there = loose.filter((_, index) => (bits >> index) & 1);
      const kept = cached.filter((entry) => entry.fua || there.includes(entry));
      found.add([...durable, ...kept.map(({ number }) => number)].join());
    }
  };
  cutNow();
  for (const entry of entries) {
    if (entry.flush) {
      durable = [...durable, ...cached.map(({ number }) => number)];
      cached = [];
    }
    if (entry.kind === 'write' || entry.kind === 'discard') cached = [...cached, entry];
    cutNow();
  }
  return found;
}

function setOf(log: LetterLog, { durable, kept }: CrashState): string {
  const before = log.entries.slice(0, durable).filter(({ kind }) => kind === 'write' || kind === 'discard');
  return [...before.map(({ number }) => number), ...kept].join();
}

t.test('every set of writes that a cut can leave, each once', async (t) => {
  for (const seed of seeds) {
    const log = randomLog(seed);
    const { states, counts, sampled } = enumerate(log.entries, { model: 'write-back', seed: 1 });
    const whole = states.filter(({ kind }) => kind !== 'torn').map((state) => setOf(log, state));
    t.equal(new Set(whole).size, whole.length, `${seed}: none twice`);
    t.same([...whole].sort(), [...setsByCutting(log.entries)].sort(), `${seed}: all there`);
    t.same(sampled, []);
    for (const { kind, states: made, of } of counts) {
      t.equal(states.filter((state) => state.kind === kind).length, made);
      t.equal(String(made), of, 'nothing was sampled');
    }
    const sum = epochsOf(log.entries).reduce((all, epoch) => all + countKeptSets(epoch), 0n);
    const boundaries = BigInt(epochsOf(log.entries).length - 1);
    t.equal(sum - boundaries, BigInt(whole.length), 'as many as were counted without making them');
  }
});

t.test('names tell states apart and make them again', async (t) => {
  for (const model of mediumModels) {
    const log = randomLog(7, { changes: 14 });
    const { states } = enumerate(log.entries, { model, seed: 1, pageSectors: 2 });
    t.equal(new Set(states.map(({ name }) => name)).size, states.length);
    for (const state of states)
      t.same(
        JSON.parse(JSON.stringify(stateByName(log.entries, state.name))),
        JSON.parse(JSON.stringify(state)),
      );
  }
  const { entries } = letterLog('aaaa', [
    { at: 0, letters: 'bb' },
    { at: 2, letters: 'b' },
  ]);
  for (const name of ['e0:prefix:w7', 'e9:boundary', 'e0:subset:ff', 'e0:torn:w0+9', 'e0:lost:w', 'nonsense'])
    t.throws(() => stateByName(entries, name), { code: 'powercut.no-such-state' }, name);
});

t.test('a medium that keeps the order has prefixes alone, and the last write may be torn', async (t) => {
  const log = letterLog('aaaaaa', [
    { at: 0, letters: 'bbb' },
    'flush',
    { at: 3, letters: 'cc' },
    { at: 0, letters: 'd' },
  ]);
  const names = (model: EnumerateOptions['model'], more: Partial<EnumerateOptions> = {}): string[] =>
    enumerate(log.entries, { model, seed: 1, ...more }).states.map(({ name }) => name);
  t.same(names('ordered'), [
    ...['e0:boundary', 'e0:torn:w0+1', 'e0:torn:w0+2'],
    ...['e1:boundary', 'e1:prefix:w2', 'e1:prefix:w3', 'e1:torn:w2+1'],
  ]);
  t.same(
    names('sd-card', { pageSectors: 2 }).filter((name) => name.includes('torn')),
    [
      ...['e0:torn:w0+0x2', 'e0:torn:w0+1', 'e0:torn:w0+1x1', 'e0:torn:w0+2', 'e0:torn:w0+2x1'],
      ...['e1:torn:w2+0x1', 'e1:torn:w2+1', 'e1:torn:w2+1x1', 'e1:torn:w3+0x1'],
    ],
    'to the end of a page of the medium, or of the write',
  );
  const few = enumerate(log.entries, { model: 'ordered', seed: 1, isRelevant: (sector) => sector === 0 });
  t.same(
    few.states.filter(({ kind }) => kind === 'torn').map(({ name }) => name),
    ['e0:torn:w0+1'],
  );
  t.same(few.notTorn, { writes: 2, states: '2' }, 'and what was left out is told');
});

t.test('large epochs are sampled: by the seed, and told', async (t) => {
  const log = letterLog(
    'a'.repeat(40),
    Array.from({ length: 30 }, (_, at) => ({ at, letters: 'b', fua: at === 20 })),
  );
  const made = (seed: number) => enumerate(log.entries, { model: 'write-back', seed, sampledSubsets: 50 });
  const subsets = (seed: number): string[] =>
    made(seed)
      .states.filter(({ kind }) => kind === 'subset')
      .map(({ name }) => name);
  t.same(subsets(1), subsets(1));
  t.notSame(subsets(1), subsets(2));
  t.equal(new Set(subsets(1)).size, 50);
  // The sets without w20 take from those before it; those with it are all before it and any after.
  const all = 2n ** 20n + 2n ** 20n * 2n ** 9n;
  t.same(made(1).sampled, [{ epoch: 0, writes: 30, states: 50, of: String(all - 1n - 30n - 28n) }]);
  for (const state of made(1).states.filter(({ kind }) => kind === 'subset'))
    t.ok(state.kept.includes(20) || Math.max(...state.kept) < 20, `${state.name} can be left`);
});

async function logContents(log: LetterLog) {
  const layers = new Layers(log.entries);
  const contents = await Contents.read(log.entries, { layers, source: bytesOf(log) });
  return { entries: log.entries, layers, contents };
}

function allStates(log: LetterLog): CrashState[] {
  return (['write-back', 'sd-card'] as const).flatMap((model) => [
    ...enumerate(log.entries, { model, seed: 1, pageSectors: 2 }).states,
  ]);
}

t.test('extents name the newest bytes of each sector', async (t) => {
  for (const seed of seeds.slice(0, 12)) {
    const log = randomLog(seed);
    const layers = new Layers(log.entries);
    // Backwards too: a state does not depend on the one before it.
    for (const state of [...allStates(log), ...allStates(log).reverse()]) {
      const medium = [...log.base];
      const { count, sector, sectors, source, offset } = layers.extentsOf(state);
      for (let index = 0; index < count; index += 1)
        for (let step = 0; step < (sectors[index] ?? 0); step += 1) {
          const place = (sector[index] ?? 0) + step;
          // Data of a letter log begins at its number: the rest is how far into the write the extent begins.
          const entry = Math.floor((offset[index] ?? 0) % 512);
          const within = Math.floor((offset[index] ?? 0) / 512) + step;
          medium[place] = ['', '0', '#'][source[index] ?? 0] || (log.letters[entry]?.[within] ?? '?');
        }
      if (medium.join('') !== mediumOf(log, state))
        t.equal(medium.join(''), mediumOf(log, state), state.name);
    }
    t.pass(`log ${seed}`);
  }
});

type AreAlike = (states: readonly CrashState[], like: CrashState, read: SectorSet) => readonly CrashState[];

/** Pairs of states that were called alike and differ on the read set, or the other way round. */
async function mistakes(log: LetterLog, { seed, alike }: { seed: number; alike: AreAlike }): Promise<number> {
  const draw = drawer(seed);
  const states = allStates(log);
  let wrong = 0;
  for (let round = 0; round < 6; round += 1) {
    const from = draw(log.sectors);
    const read = Float64Array.of(from, 1 + draw(log.sectors - from));
    const like = states[draw(states.length)];
    if (!like) continue;
    const seen = (state: CrashState): string =>
      mediumOf(log, state).slice(read[0], (read[0] ?? 0) + (read[1] ?? 0));
    const settled = new Set(alike(states, like, read));
    for (const state of states) if (settled.has(state) !== (seen(state) === seen(like))) wrong += 1;
  }
  return wrong;
}

t.test('states are alike exactly when they hold the same bytes where a boot read', async (t) => {
  const mutants: Record<string, number> = {
    none: 0,
    'a torn write is whole': 0,
    'the last sector read is forgotten': 0,
    'writes of the epoch do not count': 0,
  };
  for (const seed of seeds) {
    const log = randomLog(seed);
    const parts = await logContents(log);
    const judged =
      (change: (state: CrashState) => CrashState, cut = 0): AreAlike =>
      (states, like, read) => {
        const view = new ReadSetView(parts, Float64Array.of(read[0] ?? 0, Math.max(0, (read[1] ?? 0) - cut)));
        const held = view.of(change(like));
        return states.filter((state) => view.holds(change(state), held));
      };
    const plain = ({ name, epoch, kind, durable, kept }: CrashState): CrashState => ({
      name,
      epoch,
      kind,
      durable,
      kept,
    });
    const alikes: Record<string, AreAlike> = {
      none: judged((state) => state),
      'a torn write is whole': judged(plain),
      'the last sector read is forgotten': judged((state) => state, 1),
      'writes of the epoch do not count': judged((state) => ({ ...plain(state), kept: [] })),
    };
    for (const [name, alike] of Object.entries(alikes))
      mutants[name] = (mutants[name] ?? 0) + (await mistakes(log, { seed, alike }));
  }
  t.equal(mutants.none, 0);
  for (const [name, wrong] of Object.entries(mutants))
    if (name !== 'none') t.ok(wrong > 0, `caught: ${name}`);
});

t.test('the identity of a class is that of its bytes', async (t) => {
  const log = letterLog('aaaa', [
    { at: 1, letters: 'b' },
    'flush',
    { at: 1, letters: 'a' },
    'flush',
    { at: 2, letters: 'c' },
  ]);
  const parts = await logContents(log);
  const view = new ReadSetView(parts, Float64Array.of(0, 4));
  const identity = (name: string): string => view.identityOf(view.of(stateByName(log.entries, name)));
  t.equal(identity('e0:boundary'), identity('e2:boundary'), 'written back to what it was');
  t.not(identity('e0:boundary'), identity('e1:boundary'));
  t.not(identity('e2:boundary'), identity('e2:prefix:w4'));
});

/** A firmware that looks where the letters lead it; what it read decides all. */
function bootOf(medium: string): SectorSet {
  const seen = new Set<number>();
  for (let at = 0; !seen.has(at); at = (at * 3 + medium.charCodeAt(at)) % medium.length) seen.add(at);
  return Float64Array.from([...seen].sort((a, b) => a - b).flatMap((sector) => [sector, 1]));
}

t.test('a large epoch is settled as a whole by booting what no boot speaks for', async (t) => {
  let saved = 0;
  for (const seed of seeds.slice(0, 12)) {
    const draw = drawer(seed);
    const sectors = 24;
    const writes = Array.from({ length: 11 }, () => ({
      at: draw(sectors - 1),
      letters: 'abc'[draw(3)] ?? 'a',
    }));
    const log = letterLog(randomLog(seed, { sectors }).base, [{ at: 0, letters: 'b' }, 'flush', ...writes]);
    const parts = await logContents(log);
    const epoch = epochsOf(log.entries)[1];
    if (!epoch) return void t.fail('it has two epochs');
    let boots = 0;
    const witnesses: Witness[] = [];
    const boot = async (state: CrashState): Promise<Witness> => {
      boots += 1;
      const witness = { state, read: bootOf(mediumOf(log, state)) };
      witnesses.push(witness);
      const { settled = 0n } = coverageOf(epoch, { log: parts, witnesses }) ?? {};
      t.ok(settled > before, 'each boot settles more');
      before = settled;
      return witness;
    };
    let before = 0n;
    await boot(stateByName(log.entries, 'e1:boundary'));
    const sampled = { epoch: 1, writes: 11, states: 1, of: String(2 ** 11) };
    const settle = () => settleSampled([sampled], { log: parts, witnesses });
    if (before < 2n ** 11n)
      t.same(settle().sampled, [{ ...sampled, settled: String(before) }], 'it says how far it is');
    for (let [open] = settle().open; open; [open] = settle().open) await boot(open);
    t.same(settle().sampled, [{ ...sampled, settled: 'all' }], `${seed}: all of them, by ${boots} boots`);
    saved += 2 ** 11 - witnesses.length;
    for (const state of enumerate(log.entries, { model: 'write-back', seed: 1, allSubsetsUpTo: 11 }).states) {
      if (state.epoch !== 1 || state.kind === 'torn') continue;
      const medium = mediumOf(log, state);
      const agrees = witnesses.some((witness) => {
        const other = mediumOf(log, witness.state);
        return [...witness.read].every((at, index) => index % 2 === 1 || other[at] === medium[at]);
      });
      if (!agrees) t.fail(`${seed}: no boot speaks for ${state.name}`);
    }
  }
  t.ok(saved > 12 * 2 ** 10, `${saved} states needed no boot`);
});
