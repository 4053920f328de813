import type { BootSigns, SlotBoot } from '../../contracts/update.js';
import { patternOf } from '../../pattern/signature.js';
import type { ConsoleEngine } from '../console/engine.js';
import { type BootSign, SlotHistory } from './slot-history.js';

/**
 * The history of a board's slots as its console tells it, from now on.
 *
 * @throws RigError `pattern.explosive` (blame: config) for a sign of the profile
 */
export function bootHistory(
  engine: ConsoleEngine,
  { signs, tell }: { readonly signs: BootSigns; readonly tell: (boot: SlotBoot) => void },
): SlotHistory {
  const history = new SlotHistory(tell);
  const known = (Object.entries(signs) as [BootSign, string | undefined][]).flatMap(([sign, regexp]) =>
    regexp === undefined ? [] : [{ sign, pattern: new RegExp(patternOf({ regexp })) }],
  );
  engine.onLines(
    known.map(({ pattern }) => pattern),
    (index, groups) => {
      const sign = known[index]?.sign;
      if (sign) history.seen(sign, groups);
    },
  );
  return history;
}
