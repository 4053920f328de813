import type { Verdict } from '../../contracts/powercut-verdict.js';
import { exitCodes } from '../../contracts/verdict.js';

/** `unseen`: it comes up, and what was bad about it a replay does not look at. */
export type ReplayVerdict = 'bricked' | 'boots' | 'unseen';

export const replayExits: Readonly<Record<ReplayVerdict, number>> = {
  bricked: exitCodes.failed,
  boots: exitCodes.passed,
  unseen: exitCodes.rigFailed,
};

/** What a board that came up healthy says of a state that was `was`: lost data and a board that takes no update say that they are healthy, too. */
export function healthyReplay({ outcome, brick, why }: Verdict): {
  readonly verdict: ReplayVerdict;
  readonly why: string;
} {
  const up = 'The board came up and says that it is healthy';
  if (outcome !== 'dataLost' && brick !== 'unhealthy' && brick !== 'no-update')
    return { verdict: 'boots', why: up };
  return { verdict: 'unseen', why: `${up}; a replay does not look for what was found of it: ${why}` };
}
