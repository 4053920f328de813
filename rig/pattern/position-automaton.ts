import { anyChar, type CharSet } from './char-set.js';
import type { Node } from './regexp-syntax.js';

/**
 * Glushkov's automaton: one state for each character position of the expression, no empty moves. An edge's weight says in how many
 * ways the expression can take it (capped at 2): more than one way inside a loop means exponential backtracking.
 */
export interface PositionAutomaton {
  readonly sets: readonly CharSet[];
  /** By state, the states that may follow and in how many ways. */
  readonly next: readonly ReadonlyMap<number, number>[];
}

/** Thrown when an expression cannot be judged; its message says why. */
export class TooComplex extends Error {}

/** Longest counted repetition that is judged copy by copy; longer ones are judged as if they had no end. */
const maxCopies = 8;
const maxPositions = 400;

interface Fragment {
  readonly first: ReadonlyMap<number, number>;
  readonly last: ReadonlyMap<number, number>;
  /** In how many ways it matches the empty string. */
  readonly empty: number;
}

const emptyFragment: Fragment = { first: new Map(), last: new Map(), empty: 1 };

/** @param unanchored the search may start at any place: a loop over any character comes first */
export function buildAutomaton(node: Node, { unanchored }: { unanchored: boolean }): PositionAutomaton {
  const sets: CharSet[] = [];
  const next: Map<number, number>[] = [];

  const position = (set: CharSet): Fragment => {
    if (sets.length >= maxPositions) throw new TooComplex('it is too long to be judged');
    const id = sets.push(set) - 1;
    next.push(new Map());
    const only = new Map([[id, 1]]);
    return { first: only, last: only, empty: 0 };
  };
  const connect = (from: ReadonlyMap<number, number>, to: ReadonlyMap<number, number>): void => {
    for (const [p, ways] of from)
      for (const [q, more] of to) next[p]?.set(q, cap((next[p]?.get(q) ?? 0) + ways * more));
  };
  const join = (a: Fragment, b: Fragment): Fragment => {
    connect(a.last, b.first);
    return {
      first: sum(a.first, times(b.first, a.empty)),
      last: sum(b.last, times(a.last, b.empty)),
      empty: cap(a.empty * b.empty),
    };
  };
  const build = (part: Node): Fragment => {
    switch (part.kind) {
      case 'char':
        return position(part.set);
      case 'concat':
        return part.parts.map(build).reduce(join, emptyFragment);
      case 'choice':
        return part.options.map(build).reduce((a, b) => ({
          first: sum(a.first, b.first),
          last: sum(a.last, b.last),
          empty: cap(a.empty + b.empty),
        }));
      case 'repeat':
        return repeat(part);
      case 'assertion':
      case 'look':
        return emptyFragment;
      case 'backreference':
        throw new TooComplex(`the backreference ${part.text} can take exponential time`);
    }
  };
  const repeat = ({ body, min, max }: Extract<Node, { kind: 'repeat' }>): Fragment => {
    if (max === 0) return emptyFragment;
    const exact = min === max && body.kind === 'char';
    if (max <= maxCopies || exact) {
      let whole = emptyFragment;
      for (let copy = 0; copy < max; copy += 1) {
        const part = build(body);
        // ECMA-262 RepeatMatcher: an optional round that matches nothing is no match.
        whole = join(whole, copy < min ? part : { ...part, empty: 1 });
      }
      return whole;
    }
    const part = build(body);
    if (part.empty > 0 && min >= maxCopies) throw new TooComplex('it repeats something that can be empty');
    connect(part.last, part.first);
    return min > 0 ? part : { ...part, empty: 1 };
  };

  if (unanchored) {
    const loop = position(anyChar);
    connect(loop.last, loop.first);
    join({ ...loop, empty: 1 }, build(node));
  } else build(node);
  return { sets, next };
}

function cap(ways: number): number {
  return Math.min(ways, 2);
}

function times(map: ReadonlyMap<number, number>, factor: number): ReadonlyMap<number, number> {
  if (factor === 0) return new Map();
  return factor === 1 ? map : new Map([...map].map(([state, ways]) => [state, cap(ways * factor)]));
}

function sum(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>): ReadonlyMap<number, number> {
  const total = new Map(a);
  for (const [state, ways] of b) total.set(state, cap((total.get(state) ?? 0) + ways));
  return total;
}
