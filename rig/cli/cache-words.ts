import { visibleLine } from '../../reports/visible.js';
import { boardTypeOf } from '../core/warm/explain-miss.js';
import type { CacheEntry, Slot } from '../core/warm/snapshot-cache.js';

const units = [
  { ms: 86_400_000, word: 'days' },
  { ms: 3_600_000, word: 'h' },
  { ms: 60_000, word: 'min' },
] as const;

/** `just now`, `5 min ago`, `3 h ago`, `12 days ago`. */
export function ago(at: Date, now = Date.now()): string {
  const ms = now - at.getTime();
  const unit = units.find((one) => ms >= (one.word === 'days' ? 2 : 1) * one.ms);
  return unit ? `${Math.floor(ms / unit.ms)} ${unit.word} ago` : 'just now';
}

/** `shell`, `shell of board 2`: a test's second board has saved states of its own. */
export function stateWords({ state, twin }: Slot): string {
  return twin === 1 ? state : `${state} of board ${twin}`;
}

/** What an entry is of; `?` where it can no longer say. Names come from files: nothing in them may steer a terminal. */
export function entryWords({ saved }: CacheEntry): { boardType: string; image: string } {
  if (!saved) return { boardType: '? (damaged)', image: '?' };
  const hash = saved.key.image?.slice(0, 12) ?? '';
  return {
    boardType: visibleLine(boardTypeOf(saved.key) ?? '?'),
    image: visibleLine(saved.imageName === undefined ? hash : `${saved.imageName} (${hash})`),
  };
}
