import type { Image } from '../contracts/board.js';
import type { Cancellable } from '../contracts/capabilities.js';
import type { Bundle, WantedBundle } from '../contracts/update.js';
import { damagedCopy } from '../core/update/damaged-copy.js';
import { readBundle } from './update-file.js';

/** What a bundle is made of. */
export interface MakeBundleOptions extends Cancellable {
  /** What is on the board. */
  readonly from: Image;
  /** The update that `--update` names. */
  readonly update: string | undefined;
  /** For what belongs to one test alone. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly progress: (line: string) => void;
}

/** @returns undefined where it cannot be made: of a person's own update there is only that one, and it damaged */
export async function makeBundle(
  { damage, ...wanted }: WantedBundle,
  options: MakeBundleOptions,
): Promise<Bundle | undefined> {
  const { update, folder, signal } = options;
  const asIs = Object.keys(wanted).length === 0;
  const whole =
    update === undefined
      ? await built(wanted, options)
      : asIs
        ? await readBundle(update, { signal })
        : undefined;
  return whole && damage ? damagedCopy(whole, { damage, folder }) : whole;
}

/** Of a reference OS, whose manifest tells how the rig built it. */
async function built(
  _wanted: Omit<WantedBundle, 'damage'>,
  _options: MakeBundleOptions,
): Promise<Bundle | undefined> {
  return undefined;
}
