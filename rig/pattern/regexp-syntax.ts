import {
  anyChar,
  type CharSet,
  complement,
  digits,
  foldCase,
  notLineEnds,
  spaces,
  union,
  wordChars,
} from './char-set.js';

/** A regular expression as far as the time it takes depends on it. Captures and laziness do not matter here. */
export type Node =
  | { readonly kind: 'char'; readonly set: CharSet }
  | { readonly kind: 'concat'; readonly parts: readonly Node[] }
  | { readonly kind: 'choice'; readonly options: readonly Node[] }
  | { readonly kind: 'repeat'; readonly body: Node; readonly min: number; readonly max: number }
  /** `^`, `$`, `\b`, `\B`. */
  | { readonly kind: 'assertion'; readonly text: string }
  | { readonly kind: 'look'; readonly body: Node }
  | { readonly kind: 'backreference'; readonly text: string };

/** Parses what `new RegExp(source, flags)` has accepted (ECMA-262, 22.2.1 and its Annex B). */
export function parseRegExp(source: string, flags: string): Node {
  return new Parser(source, flags).parse();
}

const controlEscapes: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, b: 8 };

class Parser {
  #at = 0;
  readonly #source: string;
  readonly #ignoreCase: boolean;
  readonly #dot: CharSet;
  readonly #hasNames: boolean;

  constructor(source: string, flags: string) {
    this.#source = source;
    this.#ignoreCase = flags.includes('i');
    this.#dot = flags.includes('s') ? anyChar : notLineEnds;
    this.#hasNames = flags.includes('u') || source.includes('(?<');
  }

  parse(): Node {
    return this.#choice();
  }

  #choice(): Node {
    const options = [this.#concat()];
    while (this.#take('|')) options.push(this.#concat());
    return options.length === 1 && options[0] ? options[0] : { kind: 'choice', options };
  }

  #concat(): Node {
    const parts: Node[] = [];
    while (this.#at < this.#source.length && this.#peek() !== '|' && this.#peek() !== ')')
      parts.push(this.#quantified(this.#atom()));
    return { kind: 'concat', parts };
  }

  #quantified(body: Node): Node {
    const [text, low, comma, high] =
      /^(?:[*+?]|\{(\d+)(,?)(\d*)\})/.exec(this.#source.slice(this.#at, this.#at + 40)) ?? [];
    if (text === undefined) return body;
    this.#at += text.length;
    this.#take('?');
    if (text === '*') return { kind: 'repeat', body, min: 0, max: Number.POSITIVE_INFINITY };
    if (text === '+') return { kind: 'repeat', body, min: 1, max: Number.POSITIVE_INFINITY };
    if (text === '?') return { kind: 'repeat', body, min: 0, max: 1 };
    const min = Number(low);
    const max = comma === '' ? min : high === '' ? Number.POSITIVE_INFINITY : Number(high);
    return { kind: 'repeat', body, min, max };
  }

  #atom(): Node {
    const char = this.#next();
    if (char === '(') return this.#group();
    if (char === '[') return this.#char(this.#class());
    if (char === '.') return { kind: 'char', set: this.#dot };
    if (char === '^' || char === '$') return { kind: 'assertion', text: char };
    if (char !== '\\') return this.#char(one(char.charCodeAt(0)));
    const escaped = this.#peek();
    if (escaped === 'b' || escaped === 'B') return { kind: 'assertion', text: `\\${this.#next()}` };
    const [reference] = /^(?:[1-9]\d*|k<[^>]*>)/.exec(this.#source.slice(this.#at)) ?? [];
    if (reference !== undefined && (reference[0] !== 'k' || this.#hasNames)) {
      this.#at += reference.length;
      return { kind: 'backreference', text: `\\${reference}` };
    }
    return this.#char(this.#escape());
  }

  #group(): Node {
    const [opening = ''] = /^\?(?:<[=!]|[:=!]|<[^>]*>|[a-z-]+:)/.exec(this.#source.slice(this.#at)) ?? [];
    this.#at += opening.length;
    const body = this.#choice();
    this.#take(')');
    return /^\?<?[=!]$/.test(opening) ? { kind: 'look', body } : body;
  }

  #class(): CharSet {
    const negated = this.#take('^');
    const sets: CharSet[] = [];
    while (this.#at < this.#source.length && this.#peek() !== ']') {
      const low = this.#classAtom();
      if (
        this.#peek() === '-' &&
        this.#source[this.#at + 1] !== ']' &&
        low.length === 2 &&
        low[0] === low[1]
      ) {
        this.#at += 1;
        const high = this.#classAtom();
        sets.push([low[0] ?? 0, high.at(-1) ?? 0]);
      } else sets.push(low);
    }
    this.#take(']');
    const set = this.#ignoreCase ? foldCase(union(sets)) : union(sets);
    return negated ? complement(set) : set;
  }

  #classAtom(): CharSet {
    const char = this.#next();
    return char === '\\' ? this.#escape() : one(char.charCodeAt(0));
  }

  /** The character or class after a backslash. */
  #escape(): CharSet {
    const char = this.#next();
    if (char === 'd') return digits;
    if (char === 'D') return complement(digits);
    if (char === 'w') return wordChars;
    if (char === 'W') return complement(wordChars);
    if (char === 's') return spaces;
    if (char === 'S') return complement(spaces);
    const rest = this.#source.slice(this.#at);
    const [property] = char === 'p' || char === 'P' ? (/^\{[^}]*\}/.exec(rest) ?? []) : [];
    if (property !== undefined) {
      this.#at += property.length;
      return anyChar;
    }
    const [hex, a, b, c] =
      (char === 'x' ? /^([\da-f]{2})/i.exec(rest) : null) ??
      (char === 'u' ? /^(?:([\da-f]{4})|\{([\da-f]+)\})/i.exec(rest) : null) ??
      (char === 'c' ? /^[a-z]/i.exec(rest) : null) ??
      [];
    if (hex !== undefined) {
      this.#at += hex.length;
      if (char === 'c') return one(hex.charCodeAt(0) % 32);
      return one(Math.min(Number.parseInt(a ?? b ?? c ?? '0', 16), 0xffff));
    }
    if (char === '0') return one(0);
    return one(controlEscapes[char] ?? char.charCodeAt(0));
  }

  #char(set: CharSet): Node {
    return { kind: 'char', set: this.#ignoreCase ? foldCase(set) : set };
  }

  #peek(): string {
    return this.#source[this.#at] ?? '';
  }

  #next(): string {
    const char = this.#source[this.#at] ?? '';
    this.#at += 1;
    return char;
  }

  #take(char: string): boolean {
    if (this.#source[this.#at] !== char) return false;
    this.#at += 1;
    return true;
  }
}

function one(code: number): CharSet {
  return [code, code];
}
