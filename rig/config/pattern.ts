import { z } from 'zod';
import { checkRegExp } from '../pattern/safe-regexp.js';

/** A regular expression's source: one that compiles, and that cannot take exponential time on device output. */
export const regexpSource = z.string().superRefine((source, context) => {
  try {
    new RegExp(source);
  } catch (error) {
    const reason = (error as Error).message.replace(/^Invalid regular expression: /, '');
    context.addIssue({ code: 'custom', message: `a regular expression of JavaScript (${reason})` });
    return;
  }
  const danger = checkRegExp(source, '');
  if (danger === undefined) return;
  context.addIssue({
    code: 'custom',
    message: `a regular expression that cannot explode (${danger})`,
    params: { code: 'config.explosive-pattern' },
  });
});

/** A line of the kernel's log that is harmless. */
export const knownWarning = z.strictObject({ pattern: regexpSource, reason: z.string().min(1) });
