import type { z } from 'zod';
import { didYouMean } from './nearest.js';
import { type ConfigCode, type Path, Problems } from './problems.js';
import type { YamlSource } from './yaml-source.js';

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

/** Where `data` comes from, when it is a part of the file or was changed after reading. */
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
  within: Within,
): z.output<T> | undefined {
  const result = schema.safeParse(within.data, { error: expectation });
  if (result.success) return result.data;
  for (const issue of result.error.issues) report(issue, source, within);
  return undefined;
}

/** Marks a problem found by a schema's own check with a code: `context.addIssue({ …, params: withCode(…) })`. */
export function withCode(code: ConfigCode): { rigCode: ConfigCode } {
  return { rigCode: code };
}

function report(issue: Issue, source: YamlSource, { path, problems }: Within): void {
  const at = [...path, ...issue.path] as Path;
  if (issue.code === 'unrecognized_keys') {
    // The error map below made one line for each key.
    for (const [index, line] of issue.message.split('\n').entries()) {
      const key = [...at, issue.keys[index] ?? ''];
      problems.add({ place: source.keyPlaceOf(key), path: key, message: line });
    }
    return;
  }
  if (issue.code === 'invalid_key') {
    const wanted = issue.issues[0]?.message ?? issue.message;
    const found = JSON.stringify(String(issue.path.at(-1)));
    problems.add({
      place: source.keyPlaceOf(at),
      path: at,
      message: `found the key ${found}, expected ${wanted}`,
    });
    return;
  }
  const branch = issue.code === 'invalid_union' ? likeliest(issue) : undefined;
  if (branch) {
    for (const inner of branch)
      report({ ...inner, path: [...issue.path, ...inner.path] }, source, { path, data: undefined, problems });
    return;
  }
  const code = issue.code === 'custom' ? (issue.params?.rigCode as ConfigCode | undefined) : undefined;
  // What is quoted comes from the file as written, where a secret is still `${env:NAME}`.
  problems.add({
    place: source.placeOf(at),
    path: at,
    message: `${foundAt(source.data, at)}, expected ${issue.message}`,
    ...(code ? { code } : {}),
  });
}

/** The one branch of a union that the value was meant for, when only one knows all of its keys. */
function likeliest(issue: Issue & { code: 'invalid_union' }): Issue[] | undefined {
  const fitting = issue.errors.filter((issues) =>
    issues.every((inner) => inner.path.length > 0 && inner.code !== 'unrecognized_keys'),
  );
  return fitting.length === 1 ? fitting[0] : undefined;
}

/** `found "x"`, `is missing`. */
export function foundAt(data: unknown, path: Path): string {
  let value = data;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return 'is missing';
    value = (value as Record<string | number, unknown>)[part];
  }
  return value === undefined ? 'is missing' : `found ${describe(value)}`;
}

function describe(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object') {
    const keys = Object.keys(value);
    return keys.length === 0
      ? 'an empty mapping'
      : `a mapping with ${keys.slice(0, 4).join(', ')}${keys.length > 4 ? ', …' : ''}`;
  }
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  return `the ${typeof value} ${String(value)}`;
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

/** What was expected, as a phrase; a schema's own `error` text takes its place. */
function expectation(issue: RawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeNames[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values.length === 1
        ? JSON.stringify(issue.values[0])
        : `one of ${issue.values.join(', ')}`;
    case 'too_small':
      if (issue.origin === 'string') return 'text that is not empty';
      return issue.origin === 'array' || issue.origin === 'set'
        ? `at least ${issue.minimum} item${issue.minimum === 1 ? '' : 's'}`
        : `${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`;
    case 'too_big':
      return `${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}${issue.origin === 'string' ? ' characters' : ''}`;
    case 'unrecognized_keys': {
      const known = keysOf(issue.inst);
      return issue.keys
        .map((key: string) => `unknown key${didYouMean(key, known)}; known here: ${known.join(', ')}`)
        .join('\n');
    }
    case 'invalid_union':
      return Array.isArray(issue.options) ? `one of ${issue.options.join(', ')}` : 'another form';
    default:
      return 'another value';
  }
}

function keysOf(schema: unknown): string[] {
  const { def } = (schema as { _zod: { def: { shape?: object; keyType?: { options?: string[] } } } })._zod;
  return def.shape ? Object.keys(def.shape) : (def.keyType?.options ?? []);
}
