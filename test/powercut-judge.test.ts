// test: light
// Long because one small world judges all of it.
/** Which boots settle which states of a medium, and what is told of them. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { powercutPage } from '../reports/powercut/page.js';
import { describe } from '../rig/cli/commands/powercut.js';
import { keepTrial, keptTrials } from '../rig/cli/powercut/folder.js';
import { healthyReplay, replayExits } from '../rig/cli/powercut/replay-verdict.js';
import type { CrashState } from '../rig/contracts/powercut.js';
import type { Verdict } from '../rig/contracts/powercut-verdict.js';
import { BootLineReader, LineCutter } from '../rig/core/powercut/judge/boot-lines.js';
import { certify } from '../rig/core/powercut/judge/certificate.js';
import { type ExploreOptions, explore, type MadeTrial } from '../rig/core/powercut/judge/explore.js';
import { union } from '../rig/core/powercut/judge/trial.js';
import { type CutTime, cutTimes } from '../rig/core/powercut/physical/times.js';
import { SeededRandom } from '../rig/core/runner/random.js';
import { brickedCertificate, cleanCertificate } from './powercut-judge/certificates.js';
import { type TinyWorld, tinyWorld } from './powercut-judge/tiny-world.js';

function options(world: TinyWorld, rest: Partial<ExploreOptions> = {}): ExploreOptions {
  return {
    states: world.states,
    alike: world.alike,
    toBootloader: world.toBootloader,
    fully: world.fully,
    jobs: 2,
    random: new SeededRandom({ seed: 1, id: 'test', attempt: 1 }),
    known: [],
    over: () => false,
    onTrial: () => {},
    onProgress: () => {},
    ...rest,
  };
}

/** An update: bulk into slot B and what nobody reads, then the switch, then data that goes and comes back. */
const update = [
  { sector: 3, byte: 8 },
  { sector: 5, byte: 1 },
  { sector: 6, byte: 1 },
  { sector: 7, byte: 1 },
  { sector: 0, byte: 0 },
  { sector: 0, byte: 2 },
  { sector: 4, byte: 0 },
];

t.test('every state has the verdict that booting it would have had, by far fewer boots', async (t) => {
  const world = tinyWorld(update);
  const found = await explore(options(world));
  t.equal(found.verdicts.size, world.states.length);
  for (const state of world.states) {
    const { outcome, slot, version } = world.verdictOf(state);
    const told = found.verdicts.get(state.name);
    t.same([told?.outcome, told?.slot, told?.version], [outcome, slot, version], state.name);
  }
  // Bootloader: bricked, A, B. Full: A and B, each with the state there and gone, B with the old and the new root.
  t.ok(
    found.made.length - found.checked.states <= 2 * (3 + 4),
    'two boots beside each other may turn out alike',
  );
  t.ok(found.made.length < world.states.length / 4);
  t.equal(found.distinct, 1 + 2 + 4);
  t.ok(found.checked.states >= 1, 'some settled states were booted all the same');
  t.same(found.checked.disagreed, []);
});

t.test('an explorer that takes different states for equal is caught by its own check', async (t) => {
  const world = tinyWorld(update);
  const found = await explore(options(world, { alike: (states) => states }));
  t.ok(found.checked.disagreed.length > 0);
  for (const name of found.checked.disagreed) {
    const state = world.states.find((each) => each.name === name);
    t.equal(found.verdicts.get(name)?.outcome, state && world.verdictOf(state).outcome, `${name}: as seen`);
  }
});

t.test('a brick that was seen is one, also where a boot beside it settled its state as sound', async (t) => {
  const world = tinyWorld([{ sector: 5, byte: 1 }]);
  const [sound, brick] = world.states;
  if (!sound || !brick) return void t.fail('it has two states');
  let sawSound: () => void = () => {};
  const soundIsSettled = new Promise<void>((resolve) => {
    sawSound = resolve;
  });
  const found = await explore(
    options(world, {
      fully: async (state) => {
        const trial = await world.fully(state, { worker: 0 });
        if (state.name === sound.name) return trial;
        await soundIsSettled;
        return { ...trial, sight: { outcome: 'bricked', brick: 'hang', why: 'seen', by: 'full' } };
      },
      alike: (states, _, read) => (read.length > 2 && world.booted.length > 3 ? states : []),
      onProgress: ({ tier, settled }) => tier === 'full' && settled === 2 && sawSound(),
    }),
  );
  t.equal(found.verdicts.get(sound.name)?.outcome, 'old');
  t.equal(found.verdicts.get(brick.name)?.outcome, 'bricked');
  t.same(found.checked.disagreed, [brick.name], 'and the explorer says that it contradicts itself');
});

t.test('an end of the check waits for what is under way', async (t) => {
  const world = tinyWorld(update);
  let underWay = 0;
  let calls = 0;
  const failing = options(world, {
    alike: (states) => states,
    fully: async (state) => {
      calls += 1;
      if (calls === 2) throw new Error('QEMU is gone');
      underWay += 1;
      for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
      underWay -= 1;
      return world.fully(state, { worker: 0 });
    },
  });
  await t.rejects(explore({ ...failing, jobs: 2 }), { message: 'QEMU is gone' });
  t.equal(underWay, 0, 'no board is in use that is closed now');
});

t.test('a certificate of more states than a call has arguments', async (t) => {
  const states = Array.from({ length: 200_000 }, (_, epoch): CrashState => {
    return { name: `e${epoch}:boundary`, epoch, kind: 'boundary', durable: epoch, kept: [] };
  });
  const { operation, board, base, seconds, ...rest } = cleanCertificate();
  const { model, seed, counts, sampled, notTorn } = rest;
  if (model === 'physical') return void t.fail('it is of a virtual board');
  const made = certify({
    ...{ operation, board, base, seconds },
    counterexamples: [],
    log: { files: [], entries: [], phases: [], cutShort: true },
    enumeration: { states, model, seed, counts, sampled, notTorn },
    explored: {
      verdicts: new Map(),
      trials: new Map(),
      distinct: 0,
      states: [],
      made: [],
      toldByBootloader: { states: 0, distinct: 0 },
      checked: { states: 0, disagreed: [] },
    },
  });
  t.equal(made.log.epochs, states.length);
  t.equal(made.left, states.length);
  t.equal(made.log.cutShort, true);
  const page = powercutPage(made);
  t.match(page, 'the log ends within an entry');
});

t.test('a boot that was being kept when the rig ended is none, and spoils no other', async (t) => {
  const folder = t.testdir({});
  const made = (state: string): MadeTrial => ({
    tier: 'boot',
    trial: { state, sight: { why: '' }, read: Float64Array.of(0, 1) },
  });
  await keepTrial(folder, made('e0:boundary'));
  appendFileSync(join(folder, 'trials.ndjson'), '{"tier":"boot","trial":{"st');
  t.equal((await keptTrials(folder)).length, 1);
  await keepTrial(folder, made('e1:boundary'));
  t.same(
    (await keptTrials(folder)).map(({ trial }) => trial.state),
    ['e0:boundary', 'e1:boundary'],
  );
});

t.test('a replay tells a sound state from one of which it cannot see what was bad', async (t) => {
  const of = (rest: Partial<Verdict>): string =>
    healthyReplay({ outcome: 'bricked', why: 'it was', by: 'full', ...rest }).verdict;
  t.equal(of({ brick: 'hang' }), 'boots');
  t.equal(of({ brick: 'reset-loop' }), 'boots');
  for (const rest of [{ outcome: 'dataLost' }, { brick: 'no-update' }, { brick: 'unhealthy' }] as const)
    t.equal(of(rest), 'unseen', JSON.stringify(rest));
  t.not(replayExits.unseen, 0);
});

t.test('what a person is told of a hostile board', async (t) => {
  const text = describe(brickedCertificate());
  t.match(text, '<script>');
  t.notMatch(text, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
});

t.test('random logs', async (t) => {
  const random = new SeededRandom({ seed: 7, id: 'logs', attempt: 1 });
  for (let round = 0; round < 60; round += 1) {
    const writes = Array.from({ length: random.integer(1, 6) }, () => ({
      sector: random.integer(0, 7),
      byte: random.integer(0, 2),
    }));
    const world = tinyWorld(writes);
    const found = await explore(options(world, { jobs: random.integer(1, 3) }));
    const wrong = world.states.filter(
      (state) => found.verdicts.get(state.name)?.outcome !== world.verdictOf(state).outcome,
    );
    t.same(wrong, [], JSON.stringify(writes));
    t.same(found.checked.disagreed, []);
  }
});

t.test('states that were sampled out are judged too, until a boot speaks for each', async (t) => {
  const world = tinyWorld(update);
  const few = world.states.filter((_, index) => index % 16 === 0);
  const asked: number[] = [];
  const found = await explore(
    options(world, {
      states: few,
      unspoken: (trials) => {
        const all = [...trials];
        asked.push(all.length);
        const isOpen = (state: CrashState): boolean =>
          !all.some((trial) => {
            const booted = world.states.find(({ name }) => name === trial.state);
            return booted && (world.alike([state], booted, trial.read) as CrashState[]).length > 0;
          });
        return world.states.filter(isOpen).slice(0, 2);
      },
    }),
  );
  t.ok(
    found.states.length > few.length && found.states.length < world.states.length,
    `${found.states.length}`,
  );
  t.ok(asked.length > 2, 'round after round');
  for (const state of found.states)
    t.equal(found.verdicts.get(state.name)?.outcome, world.verdictOf(state).outcome, state.name);
  t.same(
    new Set([...found.verdicts.values()].map(({ outcome }) => outcome)),
    new Set(world.states.map((state) => world.verdictOf(state).outcome)),
    'no outcome is missed',
  );
});

t.test('a budget leaves states, and the boots that were made are not made again', async (t) => {
  const world = tinyWorld(update);
  const kept: MadeTrial[] = [];
  const first = await explore(
    options(world, { over: () => kept.length >= 5, onTrial: (made) => void kept.push(made) }),
  );
  const left = world.states.length - first.verdicts.size;
  t.ok(left > 0 && first.verdicts.size > 0, `${left} left`);
  const asked = new Set(kept.flatMap(({ tier, trial }) => (tier === 'boot' ? [trial.state] : [])));
  const { states: told, distinct } = first.toldByBootloader;
  // Two boots beside each other may tell the same.
  t.ok(distinct > 0 && distinct <= asked.size, `${distinct} of ${asked.size} boots`);
  t.ok(told >= distinct && told <= world.states.length, `${told} states`);
  const before = world.booted.length;
  const second = await explore(options(world, { known: kept }));
  t.equal(second.verdicts.size, world.states.length);
  t.equal(second.toldByBootloader.states, world.states.length);
  t.same(
    world.booted
      .slice(before)
      .filter((name) => kept.some((made) => made.tier === 'boot' && made.trial.state === name)),
    [],
    'no bootloader was asked twice of one state',
  );
});

t.test('a boot that fails ends the exploration with its error, and every worker', async (t) => {
  const world = tinyWorld(update);
  const failing = options(world, {
    toBootloader: () => Promise.reject(new Error('QEMU is gone')),
  });
  await t.rejects(explore(failing), { message: 'QEMU is gone' });
});

t.test('lines of a console, in pieces and with control sequences', async (t) => {
  const reader = new BootLineReader({
    chosen: 'bootloader slot=(?<slot>[AB]) left=(?<tries>[0-9]) why=(?<why>[a-z-]+)',
    version: 'init version=(?<version>[^ ]+)',
    good: 'health good',
    bad: 'health bad: (?<complaint>.*)',
  });
  const cutter = new LineCutter();
  const text =
    '\x1b[2Jx: boot\x1b[0mloader slot=B left=2 why=first\r\nx: init version=1.2 slot=B\nhealth bad: network\nhealth good slot=B\nnothing\n';
  const lines = [...Buffer.from(text)].flatMap((byte) => cutter.push(Uint8Array.of(byte)));
  t.same(
    lines.map((line) => reader.read(line)),
    [
      { kind: 'chosen', choice: { slot: 'B', tries: 2, why: 'first' } },
      { kind: 'version', version: '1.2' },
      { kind: 'health', good: false, complaint: 'network' },
      { kind: 'health', good: true },
      undefined,
    ],
  );
  cutter.push(Buffer.alloc(1e6, 'x'));
  t.ok(cutter.rest.length <= 1024, 'a line without an end does not grow');
});

t.test('the union of sector sets', async (t) => {
  t.same([...union(Float64Array.of(0, 4, 10, 2), Float64Array.of(2, 4, 12, 1, 20, 1))], [0, 6, 10, 3, 20, 1]);
  t.same([...union(new Float64Array(), Float64Array.of(3, 1))], [3, 1]);
});

t.test(
  'cuts of a board itself: the same seed, the same times; every other one near a dangerous write',
  async (t) => {
    const rehearsed = [
      { name: 'start', ms: 0 },
      { name: 'install', ms: 1000 },
      { name: 'reboot', ms: 9000 },
    ];
    const guide = {
      phases: [
        { name: 'boot', from: 0 },
        { name: 'install', from: 10 },
        { name: 'reboot', from: 110 },
      ],
      entries: 130,
      // Nine tenths into the install.
      dangerous: [100],
    };
    const times = (seed: number): CutTime[] =>
      cutTimes(rehearsed, {
        endMs: 12_000,
        count: 40,
        random: new SeededRandom({ seed, id: 'times', attempt: 1 }),
        guide,
      });
    t.same(times(1), times(1));
    t.not(JSON.stringify(times(1)), JSON.stringify(times(2)));
    const guided = times(1).filter(({ why }) => why === 'guided');
    t.equal(guided.length, 20);
    t.ok(guided.every(({ phase, afterMs }) => phase === 'install' && afterMs >= 6400 && afterMs <= 8000));
    const random = times(1).filter(({ why }) => why === 'random');
    t.ok(new Set(random.map(({ phase }) => phase)).size > 1, 'the others are anywhere');
    t.same(
      cutTimes(rehearsed, {
        endMs: 1,
        count: 3,
        random: new SeededRandom({ seed: 1, id: '', attempt: 1 }),
        guide: undefined,
      }).map(({ why }) => why),
      ['random', 'random', 'random'],
    );
  },
);
