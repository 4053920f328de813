// test: light, 10 minutes
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { DeviceProfile } from '../rig/contracts/board.js';
import type { EventBody } from '../rig/contracts/events.js';
import type { MediumWriter } from '../rig/contracts/medium-writer.js';
import { BoardControl } from '../rig/core/board/board-control.js';
import { replayRun } from '../rig/core/replay/replay-run.js';
import { planBoard } from '../rig/core/runner/plan.js';
import { run } from '../rig/core/runner/run.js';
import { RunRecorder } from '../rig/record/recorder.js';
import { SecretMask } from '../rig/record/secrets.js';
import rollback from '../suites/rollback/suite.js';
import { AbSession, abConfig, abProfile, makeImage, userKey } from './fakes/ab/board.js';
import { makeBundle, type Quirks } from './fakes/ab/product.js';

const root = mkdtempSync(join(tmpdir(), 'boardrig-rollback-'));
t.teardown(() => rmSync(root, { recursive: true, force: true }));
const image = makeImage(join(root, 'image'));
const noWriter: MediumWriter = {
  write: async () => ({ mappedBytes: 0, writtenBytes: 0 }),
  verify: async () => {},
  serve: async () => ({ files: { folder: '', bootFile: '' }, [Symbol.asyncDispose]: async () => {} }),
};

interface Outcome {
  /** The run's folder. */
  readonly dir: string;
  /** Verdicts by test. */
  readonly verdicts: Readonly<Record<string, string>>;
  /** What went wrong in them, to be told when it should not have. */
  readonly errors: readonly string[];
  readonly events: readonly EventBody[];
}

/** Runs the suite by the real runner on a board whose product has `quirks`. */
async function runSuite(
  quirks: Quirks,
  { only, profile = abProfile() }: { only?: RegExp; profile?: DeviceProfile } = {},
): Promise<Outcome> {
  const home = mkdtempSync(join(root, 'home-'));
  const events: EventBody[] = [];
  const config = abConfig(profile);
  await using recorder = await RunRecorder.create({ runsDir: root, mask: new SecretMask() });
  const emit = (event: EventBody): void => {
    events.push(event);
    recorder.emit(event);
  };
  emit({
    type: 'run.start',
    run: recorder.run,
    argv: [],
    rig: { version: '0', revision: null },
    host: { name: 'h', cpus: 1, node: process.version, speedFactor: 1 },
    seed: 1,
  });
  await run({
    plans: [planBoard(config, [rollback], { tier: 'nightly', ...(only ? { only } : {}) })],
    jobs: 1,
    retries: 0,
    seed: 1,
    signal: new AbortController().signal,
    emit,
    mask: (text) => text,
    evidenceFile: (place, name) => recorder.evidenceFile(place, name),
    scale: () => 1,
    siblings: () => [],
    image: async () => image,
    derive: async () => undefined,
    bundle: async (_from, wanted, options) => makeBundle(wanted, options),
    openBoard: async (board) => {
      const session = await AbSession.open(board, { home, quirks });
      emit({
        type: 'board.open',
        board: board.name,
        boardType: board.type.name,
        profile: profile.name,
        virtual: false,
        drivers: session.drivers,
        capabilities: [...session.has],
      });
      return BoardControl.open({
        session,
        privateKey: () => userKey.private,
        emit,
        consolePath: recorder.consolePath(board.name),
        secrets: new SecretMask(),
        scale: 1,
        writer: noWriter,
      });
    },
  });
  const verdicts: Record<string, string> = {};
  for (const event of events)
    if (event.type === 'test.end')
      verdicts[event.name] = event.verdict === 'skipped' ? `skipped: ${event.reason}` : event.verdict;
  const errors = events.flatMap((event) =>
    event.type === 'test.end' && event.error ? [event.error.message] : [],
  );
  return { dir: recorder.dir, verdicts, errors, events };
}

const policy = abProfile({ downgrades: 'refused' });
const noPolicy = 'skipped: the profile ab has no policy on downgrades';
const smoke = 'an update comes up and keeps state and data; the next one cannot, and the board returns';
const policyTest = 'an older version is refused where the product has that policy';

t.test('a sound product passes', async (t) => {
  const { verdicts, errors, events } = await runSuite({});
  t.same(errors, []);
  for (const [name, verdict] of Object.entries(verdicts))
    t.equal(verdict, name === policyTest ? noPolicy : 'passed', name);
  t.equal(Object.keys(verdicts).length, rollback.tests.length);
  const measured = events.flatMap((event) => (event.type === 'measure' ? [event] : []));
  const tries = measured.filter(({ name }) => name === 'rollback.tries');
  t.ok(tries.length >= 6);
  t.ok(
    tries.every(({ value }) => value === 3),
    'each fault used up its three tries',
  );
  t.ok(measured.some(({ name, value }) => name === 'rollback.time' && value > 0));
  const boots = events.flatMap((event) => (event.type === 'slot.boot' ? [event] : []));
  t.same(
    new Set(boots.map(({ verdict }) => verdict)),
    new Set(['good', 'bad', 'panicked', 'reset']),
    'the history has boots of every kind',
  );
  t.ok(boots.every(({ why, tries: left }) => why !== undefined && left !== undefined));
});

for (const quirks of [{ slowHealth: true }, { silent: true }] as const)
  t.test(`a sound product passes that has ${Object.keys(quirks).join()}`, async (t) => {
    const { verdicts, errors } = await runSuite(quirks, { only: /keeps state and data/ });
    t.same(errors, []);
    t.same(verdicts, { [smoke]: 'passed' });
  });

t.test('a replay comes to the same ends without the product', async (t) => {
  const only = /keeps state and data|network goes half-way|never marked good/;
  const { dir, verdicts, errors } = await runSuite({}, { only });
  t.same(errors, []);
  for (const [name, verdict] of Object.entries(verdicts)) t.equal(verdict, 'passed', name);
  const { tests } = await replayRun(dir, {
    suites: [rollback],
    board: () => abConfig(abProfile()),
    speed: 'fast',
    secrets: new SecretMask(),
  });
  t.equal(tests.length, 3);
  for (const { id, outcome, ...more } of tests) t.equal(outcome, 'same', `${id} ${JSON.stringify(more)}`);
});

t.test('a policy on downgrades', async (t) => {
  const { verdicts } = await runSuite({}, { profile: policy, only: /older version/ });
  t.same(verdicts, {
    'an update to an older version': 'skipped: the profile ab refuses downgrades',
    [policyTest]: 'passed',
  });
});

/** What the tests must find in each broken product; together they name every test of the suite but the skipped one. */
const broken: readonly (readonly [Quirks, readonly RegExp[], DeviceProfile?])[] = [
  [{ takesStrangers: true }, [/stranger/]],
  [{ takesOtherProducts: true }, [/another product/]],
  [{ takesHalves: true }, [/second half/]],
  [{ takesWrongBytes: true }, [/one wrong byte/]],
  [{ takesOlder: true }, [/refused where the product has that policy/], policy],
  [{ switchesFirst: true }, [/that is killed while it writes/]],
  [{ writesOwnRoot: true }, [/is written to the other slot/]],
  [{ neverSwitches: true }, [/to the version that runs/, /to an older version/, /three updates in a row/]],
  [{ losesData: true }, [/keeps state and data/]],
  [{ goodUntried: true }, [/whose kernel panics/, /never marked good/]],
  [{ insists: true }, [/without an init/, /whose kernel hangs/, /reboots for ever/]],
  [{ blindHealth: true }, [/without a network/, /whose engine does not start/]],
  [{ ignoresFullDisk: true }, [/the disk is full/]],
  [{ ignoresCutNetwork: true, takesHalves: true, takesWrongBytes: true }, [/whose network goes half-way/]],
];

for (const [quirks, tests, profile] of broken)
  t.test(`a product that ${Object.keys(quirks).join(', ')} is found out`, async (t) => {
    const only = new RegExp(tests.map(({ source }) => source).join('|'));
    const { verdicts } = await runSuite(quirks, { only, ...(profile ? { profile } : {}) });
    t.equal(Object.keys(verdicts).length, tests.length);
    for (const [name, verdict] of Object.entries(verdicts)) t.equal(verdict, 'failed', name);
  });

t.test('every test of the suite finds something', (t) => {
  const found = broken.flatMap(([, tests]) => tests);
  const never = rollback.tests.filter(({ name }) => !found.some((pattern) => pattern.test(name)));
  t.same(
    never.map(({ name }) => name),
    [],
  );
  t.ok(found.some((pattern) => pattern.test(smoke)));
  t.end();
});
