import { compilePatterns } from './pattern.js';
import { type Hit, Search } from './search.js';
import type { TextWindow } from './text-window.js';

/** What is told of a line that matched: which pattern, from 0, and the named groups that took part. */
export type LineSeen = (index: number, groups: Readonly<Record<string, string>>) => void;

/** Looks at every whole line of every epoch for as long as somebody listens; it fails nothing and ends with nothing. */
export class LineWatch {
  readonly #patterns: readonly RegExp[];
  readonly #search: Search;
  readonly #seen: LineSeen;

  /** @throws RigError `pattern.explosive` */
  constructor(patterns: readonly RegExp[], seen: LineSeen) {
    this.#patterns = patterns;
    this.#search = new Search(compilePatterns(patterns));
    this.#seen = seen;
  }

  startAt(position: number, window: TextWindow): void {
    this.#search.startAt(position, window);
  }

  advance(window: TextWindow, to: number): void {
    for (let hit = this.#search.advance(window, to); hit; hit = this.#search.advance(window, to)) {
      this.#search.startAt(Math.max(hit.end, hit.start + 1), window);
      this.#seen(hit.index, this.#groupsOf(hit));
    }
  }

  /** A `Hit` has its groups by number alone. */
  #groupsOf({ index, text }: Hit): Readonly<Record<string, string>> {
    const groups = this.#patterns[index]?.exec(text)?.groups ?? {};
    return Object.fromEntries(Object.entries(groups).filter(([, value]) => value !== undefined));
  }
}
