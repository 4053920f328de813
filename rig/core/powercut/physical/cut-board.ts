import type { Image } from '../../../contracts/board.js';
import type { Cancellable, Drive } from '../../../contracts/capabilities.js';
import type { Verdict } from '../../../contracts/powercut-verdict.js';
import type { Random } from '../../../contracts/random.js';
import type { BoardSession } from '../../../contracts/session.js';
import type { Board } from '../../../contracts/suite.js';
import { pause } from '../../../lifetime/abortable.js';
import { BootWatch } from '../judge/boot-watch.js';
import { isBad, type Judgement, judgeWatched } from '../judge/full-judge.js';
import { leaveKeepsakes } from '../judge/keepsakes.js';
import type { Operation } from '../record/operation.js';
import { type CutTime, cutTimes, type DangerousPlace, type TimedPhase } from './times.js';

/** One power cut of a board, and what came of it. */
export interface Cut {
  readonly number: number;
  readonly time: CutTime;
  /** Since the operation began; absent where it was over before. */
  readonly atMs: number;
  /** SHA-256 of what the medium held behind the cut; absent on a board without a mux. */
  readonly medium?: string;
  readonly verdict: Verdict;
}

export interface CutOptions extends Cancellable {
  readonly session: BoardSession;
  /** The board with `image`; powered off when disposed. */
  readonly attach: () => Promise<Board & AsyncDisposable>;
  readonly image: Image;
  readonly operation: Operation;
  readonly judgement: Omit<Judgement, 'keepsakes'>;
  readonly cuts: number;
  readonly random: Random;
  readonly guide: DangerousPlace | undefined;
  /** Hash of what the medium holds behind a cut. */
  readonly examine: (drive: Drive) => Promise<string>;
  readonly onCut: (cut: Cut) => void | Promise<void>;
  readonly progress: (line: string) => void;
}

export interface CutSeries {
  readonly cuts: readonly Cut[];
  readonly phases: readonly TimedPhase[];
  /** How long the operation takes when nobody cuts it. */
  readonly endMs: number;
}

/**
 * Cuts the power of a board while it does an operation, as often as is wanted: each time on the image put on it anew, at a
 * seeded time. Works on any board with power and a way to put an image on it; virtual ones are no exception.
 */
export async function cutBoard(options: CutOptions): Promise<CutSeries> {
  const { cuts: count, random, guide, progress } = options;
  progress('rehearsing the operation without a cut');
  const { phases, endMs } = await rehearse(options);
  const times = cutTimes(phases, { endMs, count, random, guide });
  const cuts: Cut[] = [];
  for (const [index, time] of times.entries()) {
    progress(`cut ${index + 1} of ${count}: ${time.afterMs} ms into "${time.phase}" (${time.why})`);
    const cut = await cutOnce(options, { number: index + 1, time });
    await options.onCut(cut);
    cuts.push(cut);
  }
  return { cuts, phases, endMs };
}

async function rehearse(options: CutOptions): Promise<{ phases: TimedPhase[]; endMs: number }> {
  await using board = await options.attach();
  await bringUp(board, options);
  const phases: TimedPhase[] = [];
  const began = performance.now();
  const mark = async (name: string): Promise<void> => {
    phases.push({ name, ms: performance.now() - began });
  };
  await mark(startPhase);
  if (!options.operation.onSettled) await board.boot();
  await options.operation.run(board, { mark });
  return { phases, endMs: performance.now() - began };
}

const startPhase = 'start';

async function bringUp(board: Board, { image, operation }: CutOptions): Promise<readonly string[]> {
  await board.provision(image);
  if (!operation.onSettled) return [];
  await board.boot();
  return leaveKeepsakes(board.shell, board.profile);
}

async function cutOnce(
  options: CutOptions,
  { number, time }: { number: number; time: CutTime },
): Promise<Cut> {
  const { session, judgement, signal } = options;
  const done = await operateUntilCut(options, time);
  const { mux } = session.capabilities;
  const medium = mux ? await examineAtRig(options) : undefined;
  using watch = new BootWatch(session, judgement.signs);
  await session.capabilities.power?.on({ signal });
  try {
    const verdict = await judgeWatched({
      watch,
      judgement: { ...judgement, keepsakes: done.keepsakes },
      attach: options.attach,
      signal,
    });
    return { number, time, atMs: done.atMs, ...(medium === undefined ? {} : { medium }), verdict };
  } finally {
    await session.capabilities.power?.off();
  }
}

/** Begins the operation and takes the power away in the midst of it, or at its end where that comes first. */
async function operateUntilCut(
  options: CutOptions,
  time: CutTime,
): Promise<{ atMs: number; keepsakes: readonly string[] }> {
  const { operation, signal } = options;
  await using board = await options.attach();
  const keepsakes = await bringUp(board, options);
  const began = performance.now();
  let reached: () => void = () => {};
  const phase = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const mark = async (name: string): Promise<void> => {
    if (name === time.phase) reached();
  };
  await mark(startPhase);
  const operating = (async (): Promise<void> => {
    if (!operation.onSettled) await board.boot();
    await operation.run(board, { mark });
  })();
  const cut = phase.then(() => pause(time.afterMs, { signal }));
  // An operation that fails by itself is an error; how it ends once the power is gone is of no interest.
  await Promise.race([cut, operating]);
  const atMs = performance.now() - began;
  await board.power.off();
  await operating.catch(() => {});
  return { atMs: Math.round(atMs), keepsakes };
}

async function examineAtRig({ attach, examine }: CutOptions): Promise<string> {
  await using board = await attach();
  return await board.medium.atRig((drive) => examine(drive));
}

export function badCuts(cuts: readonly Cut[]): Cut[] {
  return cuts.filter(({ verdict }) => isBad(verdict));
}
