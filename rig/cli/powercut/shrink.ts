import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CrashState, SectorSet } from '../../contracts/powercut.js';
import type { Counterexample, ReplayFile, Verdict } from '../../contracts/powercut-verdict.js';
import { explainWrites } from '../../core/powercut/explain.js';
import type { Explored } from '../../core/powercut/judge/explore.js';
import { isBad } from '../../core/powercut/judge/full-judge.js';
import type { Trial } from '../../core/powercut/judge/trial.js';
import { type Shrunk, shrink } from '../../core/powercut/shrink.js';
import type { ExplorationOptions } from './run.js';
import type { CrashSpace } from './space.js';
import type { Workers } from './workers.js';

export interface ShrinkParts extends ExplorationOptions {
  readonly space: CrashSpace;
  readonly workers: Workers;
  readonly explored: Explored;
  /** Asked before each but the first. */
  readonly over: () => boolean;
  /** So many were not begun with when it was over. */
  readonly onLeft: (left: number) => void;
}

const bricksFolder = 'bricks';
/** Each takes boots of its own: a reset loop of a full judgement many minutes of them. */
export const maxShrunk = 8;
const maxTries = 40;

/** Shrinks each bad state that was booted, and keeps each different result once, as a file that replays it. */
export async function shrinkBricks(
  bad: readonly (readonly [state: string, verdict: Verdict])[],
  parts: ShrinkParts,
): Promise<Counterexample[]> {
  const found = new Map<string, Counterexample>();
  for (const [index, [name, verdict]] of bad.slice(0, maxShrunk).entries()) {
    if (index > 0 && parts.over()) {
      parts.onLeft(bad.length - index);
      break;
    }
    const state = parts.space.stateOf(name);
    const oracle = new Oracle(verdict, parts);
    const { log, enumeration } = parts.space;
    const shrunk = await shrink(state, {
      entries: log.entries,
      model: enumeration.model,
      isBad: (smaller) => oracle.isBad(smaller),
      maxTries,
      signal: parts.context.io.signal,
    });
    if (found.has(shrunk.state.name)) continue;
    found.set(shrunk.state.name, await explained(name, { shrunk, oracle, parts, number: found.size + 1 }));
  }
  return [...found.values()];
}

/** Whether a state is as bad as another, by a verdict that another one's boot settled or by a boot of its own. */
class Oracle {
  readonly #verdict: Verdict;
  readonly #parts: ShrinkParts;
  readonly #reads = new Map<string, SectorSet>();

  constructor(verdict: Verdict, parts: ShrinkParts) {
    this.#verdict = verdict;
    this.#parts = parts;
  }

  async isBad(state: CrashState): Promise<boolean> {
    const { explored } = this.#parts;
    const known = explored.verdicts.get(state.name);
    const trial = explored.trials.get(state.name);
    if (known && trial) {
      this.#reads.set(state.name, trial.read);
      return isBad(known);
    }
    return this.#boot(state);
  }

  /** What the boot of a bad state read, which is what its replay must hold. */
  readOf(state: CrashState): SectorSet | undefined {
    return this.#reads.get(state.name);
  }

  async #boot(state: CrashState): Promise<boolean> {
    const { workers, context } = this.#parts;
    const how = { worker: 0, signal: context.io.signal };
    // What the bootloader itself does not survive needs no more than its word.
    const toBootloader = this.#verdict.by === 'boot';
    const trial: Trial<unknown> & { readonly bad: boolean } = toBootloader
      ? await workers
          .toBootloader(state, how)
          .then((seen) => ({ ...seen, bad: seen.sight.brick !== undefined }))
      : await workers.fully(state, how).then((seen) => ({ ...seen, bad: isBad(seen.sight) }));
    this.#reads.set(state.name, trial.read);
    return trial.bad;
  }
}

async function explained(
  name: string,
  { shrunk, oracle, parts, number }: { shrunk: Shrunk; oracle: Oracle; parts: ShrinkParts; number: number },
): Promise<Counterexample> {
  const { space, explored, recorded, context } = parts;
  const { log, regionsAt } = space;
  const verdict = explored.verdicts.get(shrunk.state.name) ?? explored.verdicts.get(name);
  if (!verdict) throw new TypeError(`${name} was shrunk without a verdict`);
  const { torn } = shrunk.state;
  const writes = explainWrites(shrunk.writes, {
    ...{ entries: log.entries, phases: log.phases, regionsAt },
    ...(torn ? { torn } : {}),
    filesOf: await filesOf(shrunk, space),
  });
  const read = oracle.readOf(shrunk.state);
  const whole = Float64Array.of(0, recorded.base.sizeBytes / 512);
  const file: ReplayFile = {
    format: 'boardrig-powercut-replay/1',
    operation: recorded.operation,
    board: recorded.board.name,
    state: plain(shrunk.state),
    verdict,
    explained: writes,
    base: { sha256: recorded.base.sha256, mediumBytes: recorded.base.sizeBytes },
    holds: read ? 'read' : 'all',
    pieces: await space.piecesOf(shrunk.state, read ?? whole),
  };
  const replay = `${bricksFolder}/${number}.json`;
  await mkdir(join(context.folder, bricksFolder), { recursive: true });
  await writeFile(join(context.folder, replay), `${JSON.stringify(file)}\n`);
  const { because, tried } = shrunk;
  return { state: name, shrunk: plain(shrunk.state), verdict, because, writes, tried, replay };
}

async function filesOf({ writes, state }: Shrunk, space: CrashSpace): Promise<Map<number, string[]>> {
  const found = new Map<number, string[]>();
  for (const entry of writes) found.set(entry, await space.filesChangedBy(entry, plain(state)));
  return found;
}

/** States of an enumeration make themselves when they are asked; a file holds what they are. */
function plain({ name, epoch, kind, durable, kept, torn }: CrashState): CrashState {
  return { name, epoch, kind, durable, kept, ...(torn ? { torn } : {}) };
}
