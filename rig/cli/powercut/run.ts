import type { BoardConfig } from '../../contracts/board.js';
import type { Certificate, Counterexample } from '../../contracts/powercut-verdict.js';
import { certify } from '../../core/powercut/judge/certificate.js';
import { type Explored, explore } from '../../core/powercut/judge/explore.js';
import { isBad, type Judgement } from '../../core/powercut/judge/full-judge.js';
import { limitsOf, signsOf } from '../../core/powercut/judge/limits.js';
import { SeededRandom } from '../../core/runner/random.js';
import type { BoardsContext } from './boards.js';
import { keepTrial, keptTrials, type RecordedOperation } from './folder.js';
import { operationOf } from './operation.js';
import { ExploreProgress } from './progress.js';
import type { PowercutRequest } from './request.js';
import { maxShrunk, shrinkBricks } from './shrink.js';
import { CrashSpace } from './space.js';
import { Workers } from './workers.js';

export interface ExplorationOptions {
  readonly board: BoardConfig;
  readonly recorded: RecordedOperation;
  readonly request: PowercutRequest;
  readonly context: BoardsContext;
}

/** Judges the states of a recorded operation, as far as the budget goes. Aborting keeps every boot that was made. */
export async function exploreRecorded(options: ExplorationOptions): Promise<Certificate> {
  const { board, recorded, request, context } = options;
  const { io, folder, scale } = context;
  const progress = new ExploreProgress(io);
  const began = performance.now();
  const end = request.budgetMs === undefined ? Number.POSITIVE_INFINITY : began + request.budgetMs;
  await using space = await CrashSpace.open(recorded, {
    profile: board.profile,
    signal: io.signal,
  });
  const known = await keptTrials(folder);
  await using workers = new Workers({
    ...{ board, context, space, image: recorded.image },
    judgement: judgementOf(options, scale),
  });
  progress.boots = known.length;
  progress.line(
    `${space.enumeration.states.length} states of ${space.log.entries.length} log entries${known.length > 0 ? `; ${known.length} boots are known` : ''}`,
  );
  const over = (): boolean => performance.now() >= end;
  const explored = await explore({
    states: inOrder(space, request),
    alike: space.alike,
    toBootloader: workers.toBootloader,
    fully: workers.fully,
    jobs: request.jobs,
    random: new SeededRandom({ seed: recorded.seed, id: 'powercut check', attempt: 1 }),
    signal: io.signal,
    ...{ known, over },
    onTrial: async (made) => {
      progress.boots += 1;
      const { sight } = made.trial;
      if ('outcome' in sight ? sight.outcome === 'bricked' : sight.brick !== undefined)
        progress.bad.bricked += 1;
      if ('outcome' in sight && sight.outcome === 'dataLost') progress.bad.dataLost += 1;
      await keepTrial(folder, made);
    },
    onProgress: (made) => progress.show(made),
  });
  const counterexamples = await shrunk(options, { space, workers, explored, progress });
  return certify({
    operation: recorded.operation,
    board: { name: board.name, type: board.type.name },
    base: {
      sha256: recorded.base.sha256,
      sizeBytes: recorded.base.sizeBytes,
      ...(recorded.image.version === undefined ? {} : { version: recorded.image.version }),
    },
    log: space.log,
    enumeration: { ...space.enumeration, sampled: await space.settledOf(explored) },
    ...{ explored, counterexamples },
    seconds: Math.round(recorded.seconds + (performance.now() - began) / 1000),
  });
}

function judgementOf({ board, recorded }: ExplorationOptions, scale: number): Judgement {
  const operation = operationOf(recorded);
  const { again } = operation;
  return {
    signs: signsOf(board),
    limits: limitsOf(board, scale),
    keepsakes: recorded.keepsakes,
    sideOf: (up) => operation.sideOf(up),
    ...(again ? { again: (up) => again(up) } : {}),
  };
}

/** With a budget the most dangerous first; else as they lie in the log, where neighbours are settled by one boot. */
function inOrder(space: CrashSpace, { budgetMs }: PowercutRequest) {
  if (budgetMs === undefined) return space.enumeration.states;
  const ranked = space.enumeration.states.map((state) => ({ state, danger: space.dangerOf(state) }));
  return ranked.sort((a, b) => a.danger - b.danger).map(({ state }) => state);
}

async function shrunk(
  options: ExplorationOptions,
  rest: {
    space: CrashSpace;
    workers: Workers;
    explored: Explored;
    progress: ExploreProgress;
  },
): Promise<Counterexample[]> {
  const { explored, progress } = rest;
  const bad = [...explored.verdicts].filter(([, verdict]) => isBad(verdict) && verdict.by !== 'settled');
  if (bad.length === 0) return [];
  const all = bad.length > maxShrunk ? `, the first ${maxShrunk} of ${bad.length}` : '';
  progress.line(`shrinking what went wrong${all}`);
  return shrinkBricks(bad, { ...options, ...rest });
}
