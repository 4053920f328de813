import { z } from 'zod';
import { didYouMean } from './nearest.js';

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

/** One thing wrong with a value that a person wrote. */
export interface SchemaIssue {
  readonly path: readonly (string | number)[];
  /** `found "x", expected a number`. */
  readonly message: string;
  /** The key at the end of `path` is wrong, rather than its value. */
  readonly atKey: boolean;
  /** What a schema's own check gave: `context.addIssue({ …, params: { code } })`. */
  readonly code?: string;
}

/**
 * Checks `data`, and says everything that is wrong with it.
 *
 * @param quoteFrom what messages quote values from, when `data` holds secrets that this does not
 */
export function checkValue<T extends z.ZodType>(
  schema: T,
  data: unknown,
  quoteFrom: unknown = data,
): { readonly value: z.output<T> } | { readonly issues: readonly SchemaIssue[] } {
  const result = schema.safeParse(data, { error: expectation });
  if (result.success) return { value: result.data };
  return { issues: result.error.issues.flatMap((issue) => say(issue, [], quoteFrom)) };
}

/** JSON Schema (draft 7, which editors know best) of what `schema` accepts. */
export function jsonSchemaOf(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', target: 'draft-7' });
  return rest;
}

function say(issue: Issue, prefix: readonly (string | number)[], quoteFrom: unknown): SchemaIssue[] {
  const path = [...prefix, ...(issue.path as (string | number)[])];
  if (issue.code === 'unrecognized_keys') {
    // The error map below made one line for each key.
    return issue.message
      .split('\n')
      .map((message, index) => ({ path: [...path, issue.keys[index] ?? ''], message, atKey: true }));
  }
  if (issue.code === 'invalid_key') {
    const wanted = issue.issues[0]?.message ?? issue.message;
    const found = JSON.stringify(String(issue.path.at(-1)));
    return [{ path, message: `found the key ${found}, expected ${wanted}`, atKey: true }];
  }
  const branch = issue.code === 'invalid_union' ? likeliest(issue) : undefined;
  if (branch) return branch.flatMap((inner) => say(inner, path, quoteFrom));
  const code: unknown = issue.code === 'custom' ? issue.params?.code : undefined;
  return [
    {
      path,
      message: `${foundAt(quoteFrom, path)}, expected ${issue.message}`,
      atKey: false,
      ...(typeof code === 'string' ? { code } : {}),
    },
  ];
}

/** The one branch of a union that the value was meant for, when only one knows all of its keys. */
function likeliest(issue: Issue & { code: 'invalid_union' }): Issue[] | undefined {
  const fitting = issue.errors.filter((issues) =>
    issues.every((inner) => inner.path.length > 0 && inner.code !== 'unrecognized_keys'),
  );
  return fitting.length === 1 ? fitting[0] : undefined;
}

/** `found "x"`, `is missing`. */
function foundAt(data: unknown, path: readonly (string | number)[]): string {
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
  return typeof value === 'boolean' ? String(value) : `the ${typeof value} ${String(value)}`;
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
