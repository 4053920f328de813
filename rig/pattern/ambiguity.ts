import { overlaps } from './char-set.js';
import { type PositionAutomaton, TooComplex } from './position-automaton.js';
import { stronglyConnected } from './strongly-connected.js';

/**
 * How the number of ways to match a text grows with its length, which is what a backtracking matcher can be made to
 * try (Weber and Seidl, "On the degree of ambiguity of finite automata", 1991): exponential when some loop reads one word in
 * two ways; otherwise polynomial, with the longest chain of loops that can trade one word as degree.
 */
export type Growth =
  | { readonly kind: 'exponential' }
  /** Upper estimate of the steps for a text of the length asked for. */
  | { readonly kind: 'polynomial'; readonly degree: number; readonly steps: number };

/** Ends the judgement of expressions whose products are too large, well under a second. */
const maxWork = 2_000_000;

export function growthOf(automaton: PositionAutomaton, { textLength }: { textLength: number }): Growth {
  const budget = { left: maxWork };
  const { next } = automaton;
  const states = next.map((_, state) => state);
  const successors = (state: number): Iterable<number> => next[state]?.keys() ?? [];
  const components = stronglyConnected(states, successors);
  const componentOf = new Map(
    components.flatMap((members, id) => members.map((member) => [member, id] as const)),
  );
  const loops = components.filter(
    (members) => members.length > 1 || members.some((state) => next[state]?.has(state)),
  );
  for (const loop of loops)
    if (readsOneWordTwice(automaton, new Set(loop), budget)) return { kind: 'exponential' };

  // Tarjan emits a component after all that it reaches: walk them so and take the dearest continuation.
  const best = new Map<number, { degree: number; steps: number }>();
  const done: (readonly number[])[] = [];
  let worst = { degree: 0, steps: textLength };
  for (const loop of loops) {
    let here = { degree: 1, steps: textLength };
    for (const later of done) {
      const tail = best.get(componentOf.get(later[0] ?? -1) ?? -1);
      const word = sharedWordLength(automaton, { loop, later }, budget);
      if (tail === undefined || word === undefined) continue;
      const degree = tail.degree + 1;
      // Ways to cut a text at `degree` places: n^d / d!, each place a multiple of the shared word.
      const steps = (tail.steps * textLength) / word / degree;
      if (steps > here.steps) here = { degree, steps };
    }
    best.set(componentOf.get(loop[0] ?? -1) ?? -1, here);
    done.push(loop);
    if (here.steps > worst.steps || here.degree > worst.degree) worst = here;
  }
  return { kind: 'polynomial', ...worst };
}

interface Budget {
  left: number;
}

function spend(budget: Budget): void {
  budget.left -= 1;
  if (budget.left < 0) throw new TooComplex('it is too tangled to be judged');
}

/** Two different walks over one word from a state back to itself. */
function readsOneWordTwice(
  { sets, next }: PositionAutomaton,
  loop: ReadonlySet<number>,
  budget: Budget,
): boolean {
  const size = sets.length;
  for (const p of loop) for (const [q, ways] of next[p] ?? []) if (ways > 1 && loop.has(q)) return true;
  const successors = function* (pair: number): Iterable<number> {
    for (const p of next[Math.floor(pair / size)]?.keys() ?? []) {
      if (!loop.has(p)) continue;
      for (const q of next[pair % size]?.keys() ?? []) {
        spend(budget);
        if (loop.has(q) && overlaps(sets[p] ?? [], sets[q] ?? [])) yield p * size + q;
      }
    }
  };
  const diagonal = [...loop].map((state) => state * size + state);
  return stronglyConnected(diagonal, successors).some(
    (members) =>
      members.some((pair) => Math.floor(pair / size) === pair % size) &&
      members.some((pair) => Math.floor(pair / size) !== pair % size),
  );
}

/** Length of the shortest word that reads as a round of `loop`, as the way from it to `later`, and as a round of `later`. */
function sharedWordLength(
  { sets, next }: PositionAutomaton,
  { loop, later }: { loop: readonly number[]; later: readonly number[] },
  budget: Budget,
): number | undefined {
  const size = sets.length;
  const inLoop = new Set(loop);
  const inLater = new Set(later);
  let shortest: number | undefined;
  for (const a of loop) {
    for (const b of later) {
      const target = (a * size + b) * size + b;
      const seen = new Set<number>();
      let front = [(a * size + a) * size + b];
      for (let length = 1; front.length > 0 && (shortest === undefined || length < shortest); length += 1) {
        const reached: number[] = [];
        for (const triple of front) {
          const z = triple % size;
          const y = Math.floor(triple / size) % size;
          const x = Math.floor(triple / size / size);
          for (const p of next[x]?.keys() ?? []) {
            if (!inLoop.has(p)) continue;
            for (const r of next[z]?.keys() ?? []) {
              spend(budget);
              if (!inLater.has(r) || !overlaps(sets[p] ?? [], sets[r] ?? [])) continue;
              for (const q of next[y]?.keys() ?? []) {
                spend(budget);
                if (!overlaps(sets[p] ?? [], sets[q] ?? []) || !overlaps(sets[q] ?? [], sets[r] ?? []))
                  continue;
                const code = (p * size + q) * size + r;
                if (code === target) shortest = length;
                if (!seen.has(code)) {
                  seen.add(code);
                  reached.push(code);
                }
              }
            }
          }
        }
        front = reached;
      }
    }
  }
  return shortest;
}
