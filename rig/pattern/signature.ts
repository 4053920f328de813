import type { Signature } from '../contracts/board.js';
import { RigError } from '../contracts/errors.js';
import { assertSafeRegExp } from './safe-regexp.js';

/**
 * The pattern of a board type's signature: a string to find as it is, or a regular expression for one line.
 *
 * @throws RigError `pattern.explosive` or `pattern.invalid` (blame: config)
 */
export function patternOf(signature: Signature): string | RegExp {
  if ('literal' in signature) return signature.literal;
  const regexp = compile(signature.regexp);
  assertSafeRegExp(regexp, { blame: 'config' });
  return regexp;
}

function compile(source: string): RegExp {
  try {
    return new RegExp(source);
  } catch (cause) {
    throw new RigError(`Cannot read the regular expression ${JSON.stringify(source)}`, {
      code: 'pattern.invalid',
      blame: 'config',
      hint: cause instanceof Error ? cause.message : 'Check its syntax.',
      cause,
    });
  }
}
