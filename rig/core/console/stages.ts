import type { BoardType } from '../../contracts/board.js';
import { patternOf } from '../../pattern/signature.js';
import { compilePatterns } from './pattern.js';
import { type Hit, Search } from './search.js';
import type { TextWindow } from './text-window.js';

export type SignatureName = keyof BoardType['signatures'];

/** In the order in which a boot shows them. */
const order: readonly SignatureName[] = ['firmware', 'bootloader', 'kernel', 'init', 'login', 'prompt'];
/** Seen after something later, these mean that the board began anew. */
const beginnings: readonly SignatureName[] = ['firmware', 'bootloader', 'kernel'];

export interface Sighting {
  readonly name: SignatureName;
  readonly hit: Hit;
  /** The board had come further already. */
  readonly again: boolean;
}

/** Watches for a board type's signatures: each one's first sighting in an epoch, and the signs of a reset. */
export class StageTracker {
  readonly #searches = new Map<SignatureName, Search>();
  readonly #seen = new Set<SignatureName>();
  readonly #signatures: BoardType['signatures'];

  /** @throws RigError `pattern.explosive` (blame: config) */
  constructor(signatures: BoardType['signatures'], window: TextWindow) {
    this.#signatures = signatures;
    this.startAt(window.end, window);
  }

  get seen(): ReadonlySet<SignatureName> {
    return this.#seen;
  }

  startAt(position: number, window: TextWindow): void {
    this.#seen.clear();
    this.#searches.clear();
    for (const name of order) {
      const signature = this.#signatures[name];
      if (!signature) continue;
      const search = new Search(compilePatterns(patternOf(signature)));
      search.startAt(position, window);
      this.#searches.set(name, search);
    }
  }

  /** The next sighting in the text before `to`; call again until there is none. */
  advance(window: TextWindow, to: number): Sighting | undefined {
    return this.#first(window, (search) => search.advance(window, to));
  }

  /** The same for an unfinished last line that rests. */
  peek(window: TextWindow, to: number): Sighting | undefined {
    return this.#first(window, (search) => (search.hasRegExps ? search.peek(window, to) : undefined));
  }

  #first(window: TextWindow, look: (search: Search) => Hit | undefined): Sighting | undefined {
    for (;;) {
      const found: { name: SignatureName; hit: Hit; search: Search }[] = [];
      for (const [name, search] of this.#searches) {
        const hit = look(search);
        if (hit) found.push({ name, hit, search });
      }
      found.sort((a, b) => a.hit.start - b.hit.start);
      const [first, ...others] = found;
      if (!first) return undefined;
      // What was found further on is found again when its turn comes.
      for (const { hit, search } of others) search.startAt(hit.start, window);
      const { name, hit, search } = first;
      search.startAt(Math.max(hit.end, hit.start + 1), window);
      const further = this.#cameFurther(name);
      if (!this.#seen.has(name) && !further) {
        this.#seen.add(name);
        if (!beginnings.includes(name)) this.#searches.delete(name);
        return { name, hit, again: false };
      }
      if (beginnings.includes(name) && (further || name === 'kernel')) return { name, hit, again: true };
      if (!beginnings.includes(name)) this.#searches.delete(name);
    }
  }

  #cameFurther(name: SignatureName): boolean {
    return order.slice(order.indexOf(name) + 1).some((later) => this.#seen.has(later));
  }
}
