import { z } from 'zod';

/** A program and its arguments, as a lab file names them. @param example what is said to whoever wrote something else */
export function command(example: string) {
  const wanted = `a list of a program and its arguments, such as ${example} (no shell reads it)`;
  return z
    .array(z.string({ error: 'text (put numbers in quotes)' }), { error: wanted })
    .min(1, { error: wanted });
}
