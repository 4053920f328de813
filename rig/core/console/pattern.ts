import { RigError } from '../../contracts/errors.js';
import { assertSafeRegExp, lineStartRegExp } from '../../pattern/safe-regexp.js';
import { TextCleaner } from './text-cleaner.js';
import { TextWindow } from './text-window.js';

/** Literals longer than this are refused: a wait keeps one of them as overlap between chunks. */
const maxLiteralBytes = 4096;

/** One of the patterns of a wait, ready to match. */
export type ConsolePattern =
  | { readonly kind: 'literal'; readonly index: number; readonly needle: string }
  | {
      readonly kind: 'regexp';
      readonly index: number;
      /** For a search from the start of a line. */
      readonly fromStart: RegExp;
      /** For a search from its middle. */
      readonly fromMiddle: RegExp;
    };

/**
 * @throws RigError `console.bad-pattern`, `pattern.explosive`; blame: suite
 */
export function compilePatterns(
  patterns: string | RegExp | readonly (string | RegExp)[],
): readonly ConsolePattern[] {
  const list = Array.isArray(patterns)
    ? (patterns as readonly (string | RegExp)[])
    : [patterns as string | RegExp];
  if (list.length === 0) throw badPattern('no pattern', 'Give at least one string or regular expression.');
  return list.map(compile);
}

function compile(pattern: string | RegExp, index: number): ConsolePattern {
  if (pattern instanceof RegExp) {
    assertSafeRegExp(pattern, { blame: 'suite' });
    const flags = pattern.flags.replace(/[gy]/g, '');
    return {
      kind: 'regexp',
      index,
      fromStart: lineStartRegExp(pattern),
      fromMiddle: new RegExp(pattern.source, `${flags}g`),
    };
  }
  if (typeof pattern !== 'string')
    throw badPattern(String(pattern), 'A pattern is a string or a regular expression.');
  const needle = cleaned(pattern);
  if (needle === '')
    throw badPattern(
      JSON.stringify(pattern),
      'Control sequences are taken out before matching: nothing is left of it.',
    );
  if (needle.length > maxLiteralBytes)
    throw badPattern(
      `${JSON.stringify(pattern.slice(0, 40))}…`,
      `At most ${maxLiteralBytes} bytes are matched.`,
    );
  return { kind: 'literal', index, needle };
}

/** The literal as the console's text would hold it: without control sequences, one newline for a line's end. */
function cleaned(text: string): string {
  const bytes = Buffer.from(text);
  const window = new TextWindow({ capacityBytes: bytes.length + 4096, keepBytes: 0 });
  const cleaner = new TextCleaner();
  cleaner.push(bytes, { rawOffset: 0, window });
  cleaner.finish(window);
  return window.latin1(0, window.end);
}

function badPattern(what: string, hint: string): RigError {
  return new RigError(`Cannot wait for ${what} on a console`, {
    code: 'console.bad-pattern',
    blame: 'suite',
    hint,
  });
}

/** As error messages show it. */
export function describePatterns(patterns: string | RegExp | readonly (string | RegExp)[]): string {
  const list = Array.isArray(patterns)
    ? (patterns as readonly (string | RegExp)[])
    : [patterns as string | RegExp];
  return list.map((one) => (typeof one === 'string' ? JSON.stringify(one) : String(one))).join(' or ');
}
