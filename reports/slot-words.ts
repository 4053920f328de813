import type { BootVerdict } from '../rig/contracts/update.js';
import type { SlotBootRecord } from '../rig/record/model.js';

/** Words of the reference bootloader for its choice; another one's own words stand as they are. */
const reasons: Readonly<Record<string, string>> = {
  first: 'the first of the boot order',
  next: 'what comes before it has no tries left',
  fallback: 'no environment could be read: defaults',
  'none-left': 'no slot had tries left: counted anew',
};

const verdictWords: Readonly<Record<BootVerdict, string>> = {
  good: 'good',
  bad: 'bad',
  panicked: 'kernel panic',
  reset: 'reset, not known good',
  'not-loaded': 'not loaded',
  off: 'power off, not known good',
  unknown: 'not known good',
};

/** Whether the boot itself went wrong: one that was cut short, or of which nothing is told, did not. */
export function isBadBoot({ verdict }: SlotBootRecord): boolean {
  return verdict !== 'good' && verdict !== 'off' && verdict !== 'unknown';
}

/** Why the bootloader chose the slot. */
export function whyWords({ why }: SlotBootRecord): string {
  return why === undefined ? '' : (reasons[why] ?? why);
}

/** What came of the boot, and what its health check complained of. */
export function bootWords({ verdict, complaint }: SlotBootRecord): string {
  const words = verdictWords[verdict] ?? verdict;
  return complaint === undefined ? words : `${words}: ${complaint}`;
}
