import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BoardConfig } from '../../rig/contracts/board.js';
import type { EventBody, Repetition } from '../../rig/contracts/events.js';
import type { SuiteDefinition } from '../../rig/contracts/suite.js';
import { type AddTest, suite } from '../../rig/core/runner/define.js';
import { planBoard } from '../../rig/core/runner/plan.js';
import { type RunOptions, run } from '../../rig/core/runner/run.js';
import { boardConfig, type Script, ScriptedBoard } from './scripted-board.js';

/** Of a type that QEMU would play. */
export function virtual(name = 'v'): BoardConfig {
  const config = boardConfig(name);
  const machine = { model: 'none', cpu: 'none', cpus: 1, memoryMiB: 1 } as BoardConfig['type']['machine'];
  return { ...config, type: { ...config.type, ...(machine ? { machine } : {}) } };
}

const image = { path: '/image', sha256: 'dev', sizeBytes: 1, variant: 'dev' as const };

type Options = Partial<RunOptions> & { config?: BoardConfig; script?: Script };

export interface Outcome {
  readonly events: EventBody[];
  readonly boards: ScriptedBoard[];
  readonly exitCode: number;
  /** `id verdict`, in the order in which they ended. */
  readonly verdicts: string[];
  readonly repetitions: Repetition[];
}

/** A run of suites, or of one suite `s`, on scripted boards, which are never restored unless told how. */
export async function repeated(
  what: readonly SuiteDefinition[] | ((test: AddTest) => void),
  options: Options,
): Promise<Outcome> {
  const suites = typeof what === 'function' ? [suite('s', { summary: 'scripted' }, what)] : what;
  const dir = mkdtempSync(join(tmpdir(), 'repeat-test-'));
  const events: EventBody[] = [];
  const boards: ScriptedBoard[] = [];
  const { exitCode } = await run({
    plans: [planBoard(options.config ?? virtual(), suites, { tier: 'nightly' })],
    jobs: 1,
    seed: 7,
    signal: new AbortController().signal,
    openBoard: async (config) => {
      const board = new ScriptedBoard(config, options.script);
      boards.push(board);
      return board;
    },
    siblings: () => 'none',
    image: async () => image,
    derive: async () => undefined,
    bundle: async () => undefined,
    emit: (event) => events.push(event),
    evidenceFile: async (_place, name) => ({ path: join(dir, name), relative: name }),
    mask: (text) => text,
    retries: 0,
    scale: () => 1,
    ...options,
  });
  rmSync(dir, { recursive: true });
  return {
    events,
    boards,
    exitCode,
    verdicts: events.flatMap((event) => (event.type === 'test.end' ? [`${event.id} ${event.final}`] : [])),
    repetitions: events.flatMap((event) =>
      event.type === 'test.start' ? [event.repetition as Repetition] : [],
    ),
  };
}

/** Resolves for everybody once `count` have come. */
export function meeting(count: number): () => Promise<void> {
  let come = 0;
  let open = (): void => undefined;
  const all = new Promise<void>((resolve) => (open = resolve));
  return () => {
    come += 1;
    if (come >= count) open();
    return all;
  };
}
