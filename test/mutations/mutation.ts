import type { Tier } from '../../rig/contracts/suite.js';
import type { ImageCopy } from './image-copy.js';

/** One thing broken in an image, and what the suites must then say. */
export interface Breakage {
  readonly name: string;
  /** What is wrong with the image, for the table. */
  readonly breaks: string;
  readonly apply: (image: ImageCopy) => Promise<void>;
  /**
   * `suite/test`, for each test that must fail with blame board, and what it must say: the step that failed, where it was one,
   * and the error's message, as in `Reboot: the boot id …`. Every other test that ran must pass.
   */
  readonly fails: Readonly<Record<string, RegExp>>;
  /** `suite/test` that must be blocked. */
  readonly blocks?: readonly string[];
}

/** How one copy of an image is run. */
export interface Running {
  /** Of which the copy is made; default: dev. */
  readonly variant?: 'dev' | 'prod';
  /** The tests that are run, all of which are judged; default: everything of the smoke tier. */
  readonly select?: { readonly tier: Tier; readonly only: RegExp };
  /** The suites that `select` chooses from; default: those that judge what runs on the base. */
  readonly suites?: readonly string[];
  /** Time to a shell where it is known that none will come; default: the board type's. */
  readonly shellBudget?: string;
}

/** One breakage in a copy of its own: the small image boots within seconds. */
export interface Mutation extends Breakage, Running {}

/** The image that copies are made of, and the board that it runs on. */
export type Base = 'tiny' | 'full' | 'full+engine';

/** Breakages that share a copy and its boots: no test may be predicted to fail by two of them. */
export interface Batch extends Running {
  readonly name: string;
  readonly base: Base;
  readonly breakages: readonly Breakage[];
}

export function alone(mutation: Mutation): Batch {
  return { ...mutation, base: 'tiny', breakages: [mutation] };
}

/** Everything that a batch predicts. @throws Error when two breakages predict the same test */
export function predictionOf({ name, breakages }: Batch): Pick<Breakage, 'fails' | 'blocks'> {
  const fails: Record<string, RegExp> = {};
  for (const breakage of breakages)
    for (const [test, reason] of Object.entries(breakage.fails)) {
      if (fails[test]) throw new Error(`In the batch ${name} two breakages are to fail ${test}`);
      fails[test] = reason;
    }
  return { fails, blocks: breakages.flatMap(({ blocks }) => blocks ?? []) };
}
