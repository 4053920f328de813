import type { BoardConfig } from '../../contracts/board.js';
import type { CrashState, Enumeration } from '../../contracts/powercut.js';
import type { Certificate, Counterexample } from '../../contracts/powercut-verdict.js';
import { certify } from '../../core/powercut/judge/certificate.js';
import { type Explored, explore, type MadeTrial } from '../../core/powercut/judge/explore.js';
import { isBad, type Judgement } from '../../core/powercut/judge/full-judge.js';
import { limitsOf, signsOf } from '../../core/powercut/judge/limits.js';
import { enlarged } from '../../core/powercut/settle-sampled.js';
import { SeededRandom } from '../../core/runner/random.js';
import type { BoardsContext } from './boards.js';
import { keepTrial, keptTrials, type RecordedOperation, writeOperation } from './folder.js';
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

/** So many states are booted beyond those that were sampled; the certificate tells how much of each epoch is settled then. */
const mostUnspoken = 256;

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
  const states = inOrder(space, { request, known });
  progress.line(
    `${states.length} states of ${space.log.entries.length} log entries${known.length > 0 ? `; ${known.length} boots are known` : ''}`,
  );
  let unspoken = 0;
  const over = (): boolean => performance.now() >= end;
  const explored = await explore({
    states,
    unspoken: (trials) => {
      const open = space.settleSampled(trials).open.slice(0, mostUnspoken - unspoken);
      unspoken += open.length;
      return open;
    },
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
  const seconds = recorded.seconds + (performance.now() - began) / 1000;
  await writeOperation(folder, { ...recorded, seconds });
  return certify({
    operation: recorded.operation,
    board: { name: board.name, type: board.type.name },
    base: {
      sha256: recorded.base.sha256,
      sizeBytes: recorded.base.sizeBytes,
      ...(recorded.image.version === undefined ? {} : { version: recorded.image.version }),
    },
    log: space.log,
    enumeration: enumerationOf(space, explored),
    ...{ explored, counterexamples },
    seconds: Math.round(seconds),
  });
}

function judgementOf({ board, recorded }: ExplorationOptions, scale: number): Judgement {
  const operation = operationOf(recorded);
  const { again, bySlot = false } = operation;
  return {
    signs: signsOf(board, { bySlot }),
    bySlot,
    limits: limitsOf(board, scale),
    keepsakes: recorded.keepsakes,
    sideOf: (up) => operation.sideOf(up),
    ...(again ? { again: (up) => again(up) } : {}),
  };
}

/** With a budget the most dangerous first; else as they lie in the log, where neighbours are settled by one boot. */
function inOrder(
  space: CrashSpace,
  { request, known }: { readonly request: PowercutRequest; readonly known: readonly MadeTrial[] },
): readonly CrashState[] {
  const { states } = space.enumeration;
  const names = new Set(states.map(({ name }) => name));
  // An earlier exploration may have booted what was sampled out.
  const others = [...new Set(known.map(({ trial }) => trial.state))].filter((name) => !names.has(name));
  const all = [...states, ...others.map((name) => space.stateOf(name))];
  if (request.budgetMs === undefined) return all;
  const ranked = all.map((state) => ({ state, danger: space.dangerOf(state) }));
  return ranked.sort((a, b) => a.danger - b.danger).map(({ state }) => state);
}

/** The states that were booted, and what of the sampled epochs they settle. */
function enumerationOf(space: CrashSpace, { states, trials }: Explored): Enumeration {
  const names = new Set(space.enumeration.states.map(({ name }) => name));
  const whole = enlarged(
    space.enumeration,
    states.filter(({ name }) => !names.has(name)),
  );
  const { sampled } = space.settleSampled(new Set(trials.values()));
  const settled = new Map(sampled.map((one) => [one.epoch, one.settled]));
  return {
    ...whole,
    sampled: whole.sampled.map((one) => {
      const all = settled.get(one.epoch);
      return all === undefined ? one : { ...one, settled: all };
    }),
  };
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
  const { budgetMs = Number.POSITIVE_INFINITY } = options.request;
  const end = performance.now() + budgetMs;
  return shrinkBricks(bad, {
    ...{ ...options, ...rest },
    over: () => performance.now() >= end,
    onLeft: (left) => progress.line(`${left} of them are left as they were found: the budget is over twice`),
  });
}
