import { maxLineLength } from '../../pattern/safe-regexp.js';
import type { ConsolePattern } from './pattern.js';
import type { TextWindow } from './text-window.js';

/** A match, in positions of the window. */
export interface Hit {
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly groups: readonly (string | undefined)[];
}

/**
 * Looks for the first of several patterns in text that grows. Which one is first does not depend on how the bytes were cut into
 * chunks: a literal counts where its last byte stands, a regular expression where its line ends. Time is linear in the text; what is kept
 * between two calls is two positions.
 */
export class Search {
  readonly #literals: readonly Extract<ConsolePattern, { kind: 'literal' }>[];
  readonly #regexps: readonly Extract<ConsolePattern, { kind: 'regexp' }>[];
  readonly #overlap: number;
  #from = 0;
  /** Literals that end before this were looked for. */
  #scanned = 0;
  /** Start of the first line, or piece of an overlong one, that regular expressions have not seen whole. */
  #line = 0;

  constructor(patterns: readonly ConsolePattern[]) {
    this.#literals = patterns.filter((pattern) => pattern.kind === 'literal');
    this.#regexps = patterns.filter((pattern) => pattern.kind === 'regexp');
    this.#overlap = Math.max(1, ...this.#literals.map(({ needle }) => needle.length)) - 1;
  }

  get hasRegExps(): boolean {
    return this.#regexps.length > 0;
  }

  /** From now on only text at `position` or after it counts. */
  startAt(position: number, window: TextWindow): void {
    this.#from = position;
    this.#scanned = position;
    this.#line = window.lineStart(position, maxLineLength);
  }

  /** Looks at the text before `to` that it has not seen. */
  advance(window: TextWindow, to: number): Hit | undefined {
    const literal = this.#findLiteral(window, to);
    if (this.#regexps.length === 0) return literal;
    return this.#findInLines(window, literal === undefined ? to : literal.end - 1) ?? literal;
  }

  /** Shows the unfinished last line to the regular expressions: nothing more may come, as after a prompt. */
  peek(window: TextWindow, to: number): Hit | undefined {
    return this.#line < to
      ? this.#match(window.latin1(this.#line, to), { start: this.#line, ascii: false })
      : undefined;
  }

  #findLiteral(window: TextWindow, to: number): Hit | undefined {
    if (this.#literals.length === 0) return undefined;
    const from = Math.max(this.#from, window.start, this.#scanned - this.#overlap);
    if (to <= from) return undefined;
    this.#scanned = to;
    const text = window.latin1(from, to);
    let best: { index: number; start: number; end: number } | undefined;
    for (const { needle, index } of this.#literals) {
      const at = text.indexOf(needle);
      if (at < 0) continue;
      const start = from + at;
      const end = start + needle.length;
      if (best === undefined || end < best.end || (end === best.end && start < best.start))
        best = { index, start, end };
    }
    return best && { ...best, text: window.text(best.start, best.end), groups: [] };
  }

  #findInLines(window: TextWindow, to: number): Hit | undefined {
    this.#line = Math.max(this.#line, window.start);
    const base = this.#line;
    const text = window.latin1(base, to);
    const ascii = window.isAscii(base, to);
    for (let at = 0; ; ) {
      const newline = text.indexOf('\n', at);
      const cut = newline < 0 ? text.length : newline;
      const tooLong = cut - at > maxLineLength;
      if (newline < 0 && !tooLong) return undefined;
      const end = tooLong ? at + maxLineLength : cut;
      const hit = this.#match(text.slice(at, end), { start: base + at, ascii });
      at = tooLong ? end : newline + 1;
      this.#line = base + at;
      if (hit) return hit;
    }
  }

  #match(bytes: string, { start, ascii }: { start: number; ascii: boolean }): Hit | undefined {
    const line = ascii ? asItIs(bytes) : decodeLine(bytes);
    const skip = Math.max(0, this.#from - start);
    if (skip > bytes.length) return undefined;
    const first = skip === 0 ? 0 : line.charsIn(skip);
    let best: Hit | undefined;
    for (const { index, fromStart, fromMiddle } of this.#regexps) {
      const regexp = first === 0 ? fromStart : fromMiddle;
      regexp.lastIndex = first;
      const found = regexp.exec(line.text);
      if (!found) continue;
      const at = start + line.bytesIn(found.index);
      if (best !== undefined && best.start <= at) continue;
      const end = start + line.bytesIn(found.index + found[0].length);
      best = { index, start: at, end, text: found[0], groups: found.slice(1) };
    }
    return best;
  }
}

interface Line {
  readonly text: string;
  bytesIn(chars: number): number;
  charsIn(bytes: number): number;
}

const sameCount = (count: number): number => count;

function asItIs(text: string): Line {
  return { text, bytesIn: sameCount, charsIn: sameCount };
}

/** UTF-8 where it is valid, else a character for each byte, so that places can be told either way. */
function decodeLine(bytes: string): Line {
  if (!/[\x80-\xff]/.test(bytes)) return asItIs(bytes);
  const text = Buffer.from(bytes, 'latin1').toString('utf8');
  if (text.includes('\ufffd')) return asItIs(bytes);
  return {
    text,
    bytesIn: (chars) => Buffer.byteLength(text.slice(0, chars)),
    charsIn: (count) => Buffer.from(bytes.slice(0, count), 'latin1').toString('utf8').length,
  };
}
