import { capabilityNames } from '../../contracts/capabilities.js';
import type { SuiteOptions, TestOptions } from '../../contracts/suite.js';

/**
 * What a suite says of itself is checked when it is loaded: JavaScript has no compiler that would, and a start state that
 * nobody knows would silently be none.
 */
type Check = (value: unknown) => string | undefined;

const needs: Check = (value) => {
  if (!Array.isArray(value)) return 'a list of capabilities';
  const known: readonly string[] = capabilityNames;
  const unknown: unknown = value.find((name) => !known.includes(String(name)));
  return unknown === undefined ? undefined : `each to be one of ${known.join(', ')}`;
};

const suiteChecks: Readonly<Record<keyof SuiteOptions, Check>> = {
  summary: (value) => (typeof value === 'string' ? undefined : 'one sentence'),
  needs,
};

const testChecks: Readonly<Record<keyof TestOptions, Check>> = {
  from: oneOf('fresh', 'off', 'bootloader', 'shell', 'any'),
  dirties: oneOf('nothing', 'memory', 'disk', 'network'),
  needs,
  tier: oneOf('smoke', 'pr', 'nightly'),
  deadlineMs: (value) =>
    typeof value === 'number' && value > 0 && Number.isFinite(value)
      ? undefined
      : 'milliseconds, more than 0',
  boards: (value) => (Number.isInteger(value) && Number(value) > 0 ? undefined : 'a whole number from 1'),
  variant: oneOf('dev', 'prod'),
};

export function suiteProblems(options: unknown): readonly string[] {
  return problems(options, { checks: suiteChecks, required: ['summary'] });
}

export function testProblems(options: unknown): readonly string[] {
  return problems(options, { checks: testChecks, required: [] });
}

function problems(
  options: unknown,
  { checks, required }: { checks: Readonly<Record<string, Check>>; required: readonly string[] },
): readonly string[] {
  if (typeof options !== 'object' || options === null) return ['its options are no object'];
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const known = Object.keys(checks);
  const found = required
    .filter((key) => !given.some(([name]) => name === key))
    .map((key) => `its option ${key} is missing`);
  for (const [key, value] of given) {
    if (!Object.hasOwn(checks, key)) {
      found.push(`unknown option "${key}", expected ${known.join(', ')}`);
      continue;
    }
    const expected = checks[key]?.(value);
    if (expected !== undefined)
      found.push(`${key} is ${JSON.stringify(value) ?? String(value)}, expected ${expected}`);
  }
  return found;
}

function oneOf(...words: readonly string[]): Check {
  return (value) => (words.includes(String(value)) ? undefined : `one of ${words.join(', ')}`);
}
