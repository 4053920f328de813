// test: light
/** What the explorer must not take for sound: an operation that did nothing, files that nobody could read, data lost once, another medium. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { assertSameBase, assertSameRequest, type RecordedOperation } from '../rig/cli/powercut/folder.js';
import { readRequest } from '../rig/cli/powercut/request.js';
import { type ShrinkParts, shrinkBricks } from '../rig/cli/powercut/shrink.js';
import type { DeviceProfile } from '../rig/contracts/board.js';
import { RigError } from '../rig/contracts/errors.js';
import type { CrashState, LogEntry } from '../rig/contracts/powercut.js';
import type { Verdict } from '../rig/contracts/powercut-verdict.js';
import type { Board } from '../rig/contracts/suite.js';
import { judgeFully } from '../rig/core/powercut/judge/full-judge.js';
import { leaveKeepsakes } from '../rig/core/powercut/judge/keepsakes.js';
import { type RecordOptions, recordOperation } from '../rig/core/powercut/record/record.js';
import { stateByName } from '../rig/core/powercut/states.js';
import { fileFacts } from '../rig/core/update/file-facts.js';

const profile = {
  mounts: { state: '/s', data: '/d' },
  roots: [],
  partitions: [],
} as unknown as DeviceProfile;
const state: CrashState = { name: 'e0:boundary', epoch: 0, kind: 'boundary', durable: 0, kept: [] };

t.test('an operation that leaves the board as it was is not explored', async (t) => {
  const nothing = async (): Promise<void> => {};
  const record = (side: 'old' | 'new', tellsSides?: boolean) =>
    recordOperation({
      board: { name: 'b', provision: nothing, boot: nothing, shutdown: nothing },
      session: { onEvent: () => ({ [Symbol.dispose]: () => {} }) },
      storage: { keep: nothing },
      medium: { logWrites: async () => ({ mark: nothing, end: async () => ({ files: [], marks: [] }) }) },
      operation: {
        name: 'update',
        onSettled: false,
        run: nothing,
        sideOf: async () => side,
        ...(tellsSides === undefined ? {} : { tellsSides }),
      },
      signs: { chosen: 'slot=(?<slot>.)' },
      folder: '/nowhere',
      measure: async (path: string) => ({ path, sha256: '', sizeBytes: 0 }),
      progress: () => {},
    } as unknown as RecordOptions);
  await t.rejects(record('old'), { code: 'powercut.no-effect' });
  await t.resolves(record('new'));
  await t.resolves(record('old', false), 'nobody said what is new behind it');
});

t.test('files that must survive and cannot be read are told before anything is cut', async (t) => {
  const shell = (stdout: string) =>
    ({ text: async () => '', run: async () => ({ stdout, stderr: '', exitCode: 0 }) }) as never;
  await t.rejects(leaveKeepsakes(shell(''), profile), { code: 'powercut.no-keepsakes' });
  const six = Array.from({ length: 6 }, (_, index) => `00 /s/${index}\n`).join('');
  t.equal((await leaveKeepsakes(shell(six), profile)).length, 6);
});

/** Judges a board that comes up healthy each time, as `faces` has it, boot by boot. One that `installs` does what is in its slot. */
function judged(
  faces: readonly {
    readonly mounts?: string;
    readonly fails?: true;
    readonly installs?: 'and is done' | 'and stands still';
  }[],
  { bySlot = false, done = [] }: { bySlot?: boolean; done?: string[] } = {},
) {
  let boot = -1;
  const events = new Set<(event: object) => void>();
  const board = {
    profile,
    ssh: {
      text: async () => faces[boot]?.mounts ?? '',
      run: async () => ({ stdout: '', stderr: '', exitCode: 0 }),
    },
    [Symbol.asyncDispose]: async () => {},
  };
  const listeners = new Set<(chunk: Uint8Array) => void>();
  return judgeFully(state, {
    board: {
      session: {
        cpuSeconds: async () => undefined,
        onEvent: (listener: (event: object) => void) => {
          events.add(listener);
          return { [Symbol.dispose]: () => void events.delete(listener) };
        },
        capabilities: {
          power: {
            on: async () => {
              boot += 1;
              const installs = faces[boot]?.installs;
              done.push(installs === undefined ? 'boots' : `installs ${installs}`);
              for (const say of listeners)
                say(Buffer.from(installs === undefined ? 'slot=A\ngood\n' : 'slot=F\n'));
              if (installs !== 'and is done') return;
              for (const tell of events) tell({ kind: 'power', state: 'off', cause: 'board' });
            },
            off: async () => {},
          },
          mux: { toRig: async () => void done.push('out of the slot') },
        },
        console: {
          subscribe: ({ data }: { data: (chunk: Uint8Array) => void }) => {
            listeners.add(data);
            return { [Symbol.dispose]: () => void listeners.delete(data) };
          },
        },
      },
      medium: { bootFrom: async () => {} },
      view: { forget: () => {}, readSet: () => new Float64Array() },
    } as never,
    judgement: {
      signs: { chosen: 'slot=(?<slot>.)', good: 'good' },
      limits: {
        bootloaderMs: 1000,
        loopResets: 4,
        silentMs: 200,
        healthyMs: 1000,
        bySlotMs: 1000,
        maxBoots: 4,
      },
      bySlot,
      keepsakes: [],
      sideOf: async () => {
        if (faces[boot]?.fails) throw new RigError('no answer', { code: 'x.y', blame: 'board', hint: '' });
        return 'old';
      },
    },
    attach: async () => board as unknown as Board & AsyncDisposable,
  });
}

t.test(
  'data that is lost once is lost; a brick that comes once is told with the sound verdict',
  async (t) => {
    const mounts = '/dev/a /s ext4 rw 0 0\n/dev/b /d ext4 rw 0 0\n';
    t.equal((await judged([{ mounts }])).sight.outcome, 'old');
    t.equal((await judged([{ mounts: '' }, { mounts }])).sight.outcome, 'dataLost');
    const { sight } = await judged([{ mounts, fails: true }, { mounts }]);
    t.equal(sight.outcome, 'old');
    t.match(sight.why, /a boot before it came out otherwise: .*no answer/);
    t.equal(
      (
        await judged([
          { mounts, fails: true },
          { mounts, fails: true },
        ])
      ).sight.outcome,
      'bricked',
    );
  },
);

t.test(
  'what is in the slot installs its system, and is out of it when the board boots by itself',
  async (t) => {
    const mounts = '/dev/a /s ext4 rw 0 0\n/dev/b /d ext4 rw 0 0\n';
    const done: string[] = [];
    const { sight } = await judged([{ installs: 'and is done' }, { mounts }], { bySlot: true, done });
    t.match(sight, { outcome: 'old', slot: 'A', tries: 1 });
    t.same(done, ['installs and is done', 'out of the slot', 'boots']);
    const stuck = { installs: 'and stands still' } as const;
    t.match((await judged([stuck, stuck], { bySlot: true })).sight, { outcome: 'bricked', brick: 'hang' });
  },
);

t.test('a recording whose medium has changed is not explored', async (t) => {
  const path = join(t.testdir({ 'base.raw': 'as it was' }), 'base.raw');
  const recorded = { base: { path, ...(await fileFacts(path)) } } as unknown as RecordedOperation;
  await t.resolves(assertSameBase(recorded, {}));
  appendFileSync(path, '.');
  await t.rejects(assertSameBase(recorded, {}), { code: 'powercut.other-base' });
});

t.test('what is resumed is what was recorded, or an error that says what differs', async (t) => {
  const recorded = {
    operation: 'update',
    newVersion: '2',
    model: 'write-back',
    seed: 7,
  } as RecordedOperation;
  const resume = (options: Record<string, unknown>): void => {
    const io = { cwd: '/', env: {} } as Parameters<typeof readRequest>[1];
    assertSameRequest(
      recorded,
      readRequest({ args: ['b'], rest: [], options: { ...options, resume: 'cut' } }, io),
    );
  };
  resume({});
  resume({ budget: '1m', jobs: '1' });
  resume({ operation: 'update', newVersion: '2', model: 'write-back', seed: '7' });
  for (const [other, told] of [
    [{ model: 'ordered' }, /--model ordered \(recorded: write-back\)/],
    [{ seed: '8' }, /--seed 8 \(recorded: 7\)/],
    [{ operation: 'config' }, /--operation config \(recorded: update\)/],
    [{ command: 'reboot' }, /--command reboot/],
    [{ newVersion: '3' }, /--new-version 3 \(recorded: 2\)/],
    [{ from: 'x.img', update: 'x.raucb' }, /--from x.img, --update x.raucb/],
  ] as const)
    t.throws(() => resume(other), { code: 'powercut.other-request', blame: 'config', message: told });
});

t.test('of many bricks the first is shrunk, and others while there is time', async (t) => {
  const write = (number: number) => ({
    ...{ number, kind: 'write', sector: number, sectors: 1, flush: false, fua: false, file: 0, offset: 0 },
  });
  const entries = [write(0), write(1)] as readonly LogEntry[];
  const verdict: Verdict = { outcome: 'bricked', brick: 'hang', why: 'it stood still', by: 'full' };
  const bad = ['e0:prefix:w0', 'e0:lost:w0'].map((name) => [name, verdict] as const);
  const shrunkAt = async (times: number) => {
    const left: number[] = [];
    const found = await shrinkBricks(bad, {
      space: {
        log: { entries, phases: [] },
        enumeration: { model: 'write-back' },
        stateOf: (name: string) => stateByName(entries, name),
        regionsAt: () => [],
        filesChangedBy: async () => [],
        piecesOf: async () => [],
      },
      workers: {
        fully: async ({ kept }: CrashState) => ({
          sight: { outcome: kept.length > 0 ? 'bricked' : 'old' },
          read: new Float64Array(),
        }),
      },
      explored: { verdicts: new Map(bad), trials: new Map() },
      recorded: { operation: 'update', board: { name: 'b' }, base: { sha256: '', sizeBytes: 512 } },
      context: { folder: t.testdir(), io: { signal: new AbortController().signal } },
      over: () => times-- <= 0,
      onLeft: (count: number) => left.push(count),
    } as unknown as ShrinkParts);
    return { writes: found.map(({ writes }) => writes.map(({ entry }) => entry)), left };
  };
  t.same(await shrunkAt(1), { writes: [[0], [1]], left: [] });
  t.same(await shrunkAt(0), { writes: [[0]], left: [1] });
});
