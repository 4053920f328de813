import type { Tier } from '../../rig/contracts/suite.js';
import type { ImageCopy } from './image-copy.js';

/** One thing broken in an image, and what the suites must then say. */
export interface Mutation {
  readonly name: string;
  /** What is wrong with the image, for the table. */
  readonly breaks: string;
  /** Of which the copy is made; default: dev. */
  readonly variant?: 'dev' | 'prod';
  /** The tests that are run, all of which are judged; default: everything of the smoke tier. */
  readonly select?: { readonly tier: Tier; readonly only: RegExp };
  /** Time to a shell where it is known that none will come; default: the board type's. */
  readonly shellBudget?: string;
  readonly apply: (image: ImageCopy) => Promise<void>;
  /**
   * `suite/test`, for each test that must fail with blame board, and what it must say: the step that failed, where it was one,
   * and the error's message, as in `Reboot: the boot id …`. Every other test that ran must pass.
   */
  readonly fails: Readonly<Record<string, RegExp>>;
  /** `suite/test` that must be blocked. */
  readonly blocks?: readonly string[];
}
