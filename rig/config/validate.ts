import type { z } from 'zod';
import { checkValue } from '../schema/issues.js';
import { type ConfigCode, type Path, Problems } from './problems.js';
import type { YamlSource } from './yaml-source.js';

/** Which part of a file is checked, and what became of its values since it was read. */
export interface Within {
  readonly path: Path;
  readonly data: unknown;
  readonly problems: Problems;
}

/**
 * Checks the whole of `source` and returns it as another type.
 *
 * @throws RigError `config.invalid` with every problem, each with its place, path, what was found and expected
 */
export function validate<T extends z.ZodType>(schema: T, source: YamlSource): z.output<T> {
  const problems = new Problems();
  const value = check(schema, source, { path: [], data: source.data, problems });
  problems.throwIfAny();
  return value as z.output<T>;
}

/** Checks a part of `source` and adds what is wrong to `within.problems`; undefined when something was. */
export function check<T extends z.ZodType>(
  schema: T,
  source: YamlSource,
  { path, data, problems }: Within,
): z.output<T> | undefined {
  // What is quoted comes from the file as written, where a secret is still `${env:NAME}`.
  const result = checkValue(schema, data, valueAt(source.data, path));
  if ('value' in result) return result.value;
  for (const issue of result.issues) {
    const at = [...path, ...issue.path];
    problems.add({
      place: issue.atKey ? source.keyPlaceOf(at) : source.placeOf(at),
      path: at,
      message: issue.message,
      ...(issue.code ? { code: issue.code as ConfigCode } : {}),
    });
  }
  return undefined;
}

function valueAt(data: unknown, path: Path): unknown {
  let value = data;
  for (const part of path) value = (value as Record<string | number, unknown> | undefined)?.[part];
  return value;
}
