import type { Counterexample, Verdict } from '../../contracts/powercut-verdict.js';
import type { Explored } from '../../core/powercut/judge/explore.js';
import type { ExploreProgress } from './progress.js';
import type { ExplorationOptions } from './run.js';
import type { CrashSpace } from './space.js';
import type { Workers } from './workers.js';

export interface ShrinkParts extends ExplorationOptions {
  readonly space: CrashSpace;
  readonly workers: Workers;
  readonly explored: Explored;
  readonly over: () => boolean;
  readonly progress: ExploreProgress;
}

export async function shrinkBricks(
  _bad: readonly (readonly [state: string, verdict: Verdict])[],
  _parts: ShrinkParts,
): Promise<Counterexample[]> {
  return [];
}
