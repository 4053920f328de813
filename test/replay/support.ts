import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { BoardConfig } from '../../rig/contracts/board.js';
import type { RigEvent } from '../../rig/contracts/events.js';
import type { MediumWriter } from '../../rig/contracts/medium-writer.js';
import type { ConsoleMark, TestContext } from '../../rig/contracts/suite.js';
import { BoardControl } from '../../rig/core/board/board-control.js';
import { type ReplayedTest, type ReplayOptions, replayRun } from '../../rig/core/replay/replay-run.js';
import { type AddTest, suite } from '../../rig/core/runner/define.js';
import { planBoard } from '../../rig/core/runner/plan.js';
import { run } from '../../rig/core/runner/run.js';
import { RunRecorder } from '../../rig/record/recorder.js';
import { SecretMask } from '../../rig/record/secrets.js';
import { consoleBoard, type DeviceScript, ScriptedSession } from '../fakes/scripted-session.js';

export const root = mkdtempSync(join(tmpdir(), 'replay-test-'));
t.teardown(() => rmSync(root, { recursive: true, force: true }));

/** A scripted device has no medium to write. */
const noWriter: MediumWriter = {
  write: async () => ({ mappedBytes: 0, writtenBytes: 0 }),
  verify: async () => {},
  serve: async () => ({ files: { folder: '', bootFile: '' }, [Symbol.asyncDispose]: async () => {} }),
};

export type Define = (test: AddTest) => void;
const makeSuite = (define: Define) => suite('s', { summary: 'scripted' }, define);

/** Powers on and waits until all is printed: what is not found after that is not there, however slow the host. */
export async function bootedFrom({ board }: TestContext): Promise<ConsoleMark> {
  await board.power.on();
  const since = board.console.mark();
  await board.console.expect('# ', { since, timeoutMs: 30_000 });
  return since;
}

/** Runs a suite on a scripted device by the real runner and recorder. @returns the run's folder */
export async function record(
  define: Define,
  script: DeviceScript,
  {
    board = consoleBoard('b1'),
    secrets = new SecretMask(),
    seed = 1,
    retries = 0,
  }: { board?: BoardConfig; secrets?: SecretMask; seed?: number; retries?: number } = {},
): Promise<string> {
  await using recorder = await RunRecorder.create({ runsDir: root, mask: secrets });
  recorder.emit({
    type: 'run.start',
    run: recorder.run,
    argv: [],
    rig: { version: '0', revision: null },
    host: { name: 'h', cpus: 1, node: process.version, speedFactor: 1 },
    seed,
  });
  await run({
    plans: [planBoard(board, [makeSuite(define)], { tier: 'nightly' })],
    jobs: 1,
    retries,
    seed,
    signal: new AbortController().signal,
    emit: (event) => void recorder.emit(event),
    mask: (text) => secrets.maskText(text),
    evidenceFile: (place, name) => recorder.evidenceFile(place, name),
    scale: () => 1,
    siblings: () => [],
    image: async () => undefined,
    derive: async () => undefined,
    bundle: async () => undefined,
    openBoard: async (config) => {
      const session = new ScriptedSession(config, script);
      const { name, type } = config;
      const { drivers } = session;
      recorder.emit({
        type: 'board.open',
        board: name,
        boardType: type.name,
        profile: 'test',
        virtual: false,
        drivers,
        capabilities: [...session.has],
      });
      return BoardControl.open({
        session,
        privateKey: () => undefined,
        emit: (event) => void recorder.emit(event),
        consolePath: recorder.consolePath(name),
        secrets,
        scale: 1,
        writer: noWriter,
      });
    },
  });
  return recorder.dir;
}

export async function replay(
  dir: string,
  define: Define,
  more: Partial<ReplayOptions> = {},
): Promise<readonly ReplayedTest[]> {
  const { tests } = await replayRun(dir, {
    suites: [makeSuite(define)],
    board: (name) => consoleBoard(name),
    speed: 'fast',
    secrets: new SecretMask(),
    ...more,
  });
  return tests;
}

export const outcomes = (tests: readonly ReplayedTest[]): string[] =>
  tests.map(({ id, outcome }) => `${id.slice(3)}: ${outcome}`);
export const eventsOf = (dir: string): RigEvent[] =>
  readFileSync(join(dir, 'events.ndjson'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RigEvent);
export const consoleOf = (dir: string): Buffer => readFileSync(join(dir, 'console/b1.raw'));

/** Writes the log of a run anew, numbered again. */
export function rewrite(dir: string, events: readonly RigEvent[]): void {
  const lines = events.map((event, seq) => `${JSON.stringify({ ...event, seq })}\n`);
  writeFileSync(join(dir, 'events.ndjson'), lines.join(''));
}
