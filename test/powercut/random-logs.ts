// Small logs of writes without a disk: a medium is a string of letters, one a sector, and its crash states are made here by hand.
import { createHash } from 'node:crypto';
import { type CrashState, type LogEntry, sectorBytes } from '../../rig/contracts/powercut.js';
import type { ByteSource } from '../../rig/core/powercut/contents.js';

/** A log on a medium of a few sectors, with the letters that each write brings. */
export interface LetterLog {
  readonly sectors: number;
  readonly base: string;
  readonly entries: readonly LogEntry[];
  readonly letters: readonly string[];
}

type Change = {
  readonly at: number;
  readonly letters: string;
  readonly fua?: boolean;
  readonly flush?: boolean;
};

/** @param changes `flush`, a write, or a number of sectors to discard from a place on */
export function letterLog(
  base: string,
  changes: readonly (Change | 'flush' | { readonly discard: number; readonly sectors: number })[],
): LetterLog {
  const letters: string[] = [];
  const entries = changes.map((change, number): LogEntry => {
    const common = { number, sector: 0, sectors: 0, flush: false, fua: false, file: 0, offset: number };
    letters.push(typeof change === 'object' && 'letters' in change ? change.letters : '');
    if (change === 'flush') return { ...common, kind: 'flush', flush: true };
    if ('discard' in change)
      return { ...common, kind: 'discard', sector: change.discard, sectors: change.sectors };
    const { at, letters: text, fua = false, flush = false } = change;
    return { ...common, kind: 'write', sector: at, sectors: text.length, fua, flush };
  });
  return { sectors: base.length, base, entries, letters };
}

/** Numbers below a bound, always the same ones for a seed. */
export function drawer(seed: number): (below: number) => number {
  let count = 0;
  return (below) => {
    count += 1;
    return createHash('sha256').update(`${seed} ${count}`).digest().readUInt32LE(0) % below;
  };
}

/** Few letters, so that different writes often bring the same bytes. */
export function randomLog(seed: number, { sectors = 10, changes = 9 } = {}): LetterLog {
  const draw = drawer(seed);
  const text = (length: number): string => Array.from({ length }, () => 'abc'[draw(3)]).join('');
  return letterLog(
    text(sectors),
    Array.from({ length: changes }, () => {
      const what = draw(10);
      if (what < 2) return 'flush' as const;
      const length = 1 + draw(3);
      const at = draw(sectors - length);
      if (what === 2) return { discard: at, sectors: length };
      return { at, letters: text(length), fua: what === 3, flush: what === 4 };
    }),
  );
}

/** The medium of a state, letter by letter: `0` is zeros, `#` erased flash. */
export function mediumOf(log: LetterLog, state: CrashState): string {
  const medium = [...log.base];
  for (const entry of log.entries) {
    if (entry.number >= state.durable && !state.kept.includes(entry.number)) continue;
    const torn = state.torn?.entry === entry.number ? state.torn : undefined;
    for (let index = 0; index < entry.sectors; index += 1) {
      const isNew = !torn || index < torn.sectors;
      const isErased = torn && !isNew && index < torn.sectors + torn.erased;
      if (isNew)
        medium[entry.sector + index] =
          entry.kind === 'discard' ? '0' : (log.letters[entry.number]?.[index] ?? '?');
      else if (isErased) medium[entry.sector + index] = '#';
    }
  }
  return medium.join('');
}

/** The same letters as bytes. */
export function bytesOf(log: LetterLog): ByteSource {
  const sectorsOf = (text: string): Buffer =>
    Buffer.concat([...text].map((letter) => Buffer.alloc(sectorBytes, letter)));
  return {
    readBase: async (sector, sectors) => sectorsOf(log.base.slice(sector, sector + sectors)),
    readLog: async ({ offset }, length) => {
      // A piece may begin within a write: its place is the entry's number and the bytes before it.
      const number = Math.floor(offset);
      return sectorsOf(log.letters[number] ?? '').subarray(0, length);
    },
  };
}
