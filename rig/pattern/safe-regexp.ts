import { type Blame, RigError } from '../contracts/errors.js';
import { growthOf } from './ambiguity.js';
import { buildAutomaton, TooComplex } from './position-automaton.js';
import { type Node, parseRegExp } from './regexp-syntax.js';

/** Regular expressions see at most this many characters of a line; longer lines are cut into pieces. */
export const maxLineLength = 2048;

/** A second or two of backtracking on one line in the worst case, which no sane device prints. */
const maxSteps = 2e9;

/**
 * Judges whether a device's output could make the expression take practically for ever on one line.
 *
 * @returns why it is refused, as the end of a sentence, or undefined when it is safe
 */
export function checkRegExp(source: string, flags = ''): string | undefined {
  if (flags.includes('v')) return 'the flag v is not supported';
  try {
    new RegExp(source, flags);
  } catch (error) {
    return error instanceof Error ? `it is not valid: ${error.message}` : 'it is not valid';
  }
  try {
    const whole = parseRegExp(source, flags);
    for (const node of [whole, ...lookarounds(whole)]) {
      const growth = growthOf(buildAutomaton(node, { unanchored: !startsFixed(node) }), {
        textLength: maxLineLength,
      });
      if (growth.kind === 'exponential')
        return 'a repeated part can match the same text in several ways, which takes exponential time';
      if (growth.steps > maxSteps)
        return `${growth.degree} unbounded repetitions can share the same text, which takes time in the power of ${growth.degree}`;
    }
    return undefined;
  } catch (error) {
    if (error instanceof TooComplex) return error.message;
    throw error;
  }
}

/** @throws RigError `pattern.explosive` with `blame`: who wrote the expression */
export function assertSafeRegExp(regexp: RegExp, { blame }: { blame: Blame }): void {
  const reason = checkRegExp(regexp.source, regexp.flags);
  if (reason === undefined) return;
  throw new RigError(`Refuse the regular expression ${regexp}: ${reason}`, {
    code: 'pattern.explosive',
    blame,
    hint: 'Use a literal string, begin with ^, or separate repetitions by characters that they cannot match.',
  });
}

/**
 * The expression for matching from the start of a line. One that begins with `.*` matches there or nowhere, so a `^` saves
 * the matcher from trying every other place.
 */
export function lineStartRegExp(regexp: RegExp): RegExp {
  const flags = regexp.flags.replace(/[gy]/g, '');
  const anchored = startsWithAnything(parseRegExp(regexp.source, flags));
  return new RegExp(anchored ? `^(?:${regexp.source})` : regexp.source, `${flags}g`);
}

/** Can match at one place of the text only. */
function startsFixed(node: Node): boolean {
  if (node.kind === 'choice') return node.options.every(startsFixed);
  if (node.kind !== 'concat') return node.kind === 'assertion' && node.text === '^';
  const [first] = node.parts;
  return first !== undefined && (startsFixed(first) || startsWithAnything(node));
}

function startsWithAnything(node: Node): boolean {
  const first = node.kind === 'concat' ? node.parts[0] : undefined;
  if (first?.kind !== 'repeat' || first.min > 0 || first.max !== Number.POSITIVE_INFINITY) return false;
  // Lines hold none of the four line ends, so `.` is any character that can occur.
  return first.body.kind === 'char' && coversAll(first.body.set);
}

function coversAll(set: readonly number[]): boolean {
  let count = 0;
  for (let i = 0; i + 1 < set.length; i += 2) count += (set[i + 1] ?? 0) - (set[i] ?? 0) + 1;
  return count >= 0x10000 - 4;
}

function lookarounds(node: Node): Node[] {
  switch (node.kind) {
    case 'look':
      return [node.body, ...lookarounds(node.body)];
    case 'concat':
      return node.parts.flatMap(lookarounds);
    case 'choice':
      return node.options.flatMap(lookarounds);
    case 'repeat':
      return lookarounds(node.body);
    default:
      return [];
  }
}
