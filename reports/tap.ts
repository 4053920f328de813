import { stringify } from 'yaml';
import type { Json } from '../rig/contracts/errors.js';
import {
  nameOf,
  type RunRecord,
  runProblem,
  type SuiteRecord,
  type TestRecord,
} from '../rig/record/model.js';
import { failedAssertions } from './explain.js';
import { byRepeatedTest, repetitionWords } from './repetitions.js';
import { visible, visibleLine } from './visible.js';

/**
 * The run as TAP version 14: a subtest for each board and suite, in it a test point for each test, YAML for all that
 * did not simply pass. `errored` and `blocked` are `not ok`, as TAP knows no third way; the YAML's `verdict` tells.
 */
export function tapReport(run: RunRecord): string {
  const problem = runProblem(run);
  const lines = ['TAP version 14', `1..${run.suites.length + (problem ? 1 : 0)}`];
  for (const [index, suite] of run.suites.entries()) lines.push(...subtest(suite, index + 1));
  if (problem) {
    lines.push(`not ok ${run.suites.length + 1} - the run as a whole`);
    lines.push(...yamlBlock({ verdict: 'errored', ...problem } as unknown as Json, '  '));
  }
  return `${lines.join('\n')}\n`;
}

function subtest(suite: SuiteRecord, number: number): string[] {
  const name = description(`${suite.board}/${suite.suite}`);
  const lines = [`# Subtest: ${name}`, `    1..${suite.tests.length}`];
  for (const [index, test] of suite.tests.entries()) {
    lines.push(`    ${point(test, index + 1)}`);
    const diagnostic = diagnosticOf(test);
    if (diagnostic !== undefined) lines.push(...yamlBlock(diagnostic, '      '));
  }
  for (const tests of byRepeatedTest(suite.tests).values())
    lines.push(`    # ${visibleLine(tests[0]?.name ?? '')}: ${repetitionWords(tests)}`);
  const ok = suite.tests.every(isOk);
  // A plan of 0 is a skipped subtest, and says so.
  const skip = suite.tests.length === 0 ? ' # SKIP no test of it began' : '';
  lines.push(`${ok ? 'ok' : 'not ok'} ${number} - ${name}${skip}`);
  return lines;
}

function point(test: TestRecord, number: number): string {
  const skip =
    test.verdict === 'skipped' ? ` # SKIP ${description(test.reason ?? 'no reason was given')}` : '';
  const time = skip === '' ? ` # time=${Math.round(test.ms)}ms` : '';
  return `${isOk(test) ? 'ok' : 'not ok'} ${number} - ${description(nameOf(test))}${skip}${time}`;
}

function isOk({ verdict }: TestRecord): boolean {
  return verdict === 'passed' || verdict === 'flaky' || verdict === 'skipped';
}

function diagnosticOf(test: TestRecord): Json | undefined {
  if (test.verdict === 'passed' || test.verdict === 'skipped') return undefined;
  const { error, reason, verdict, attempts, repetition } = test;
  const failed = attempts.flatMap((attempt) =>
    failedAssertions(attempt).map(({ steps, assertion }) => ({
      attempt: attempt.attempt,
      name: assertion.name,
      ...(steps.length > 0 ? { steps: [...steps] } : {}),
      ...(assertion.diagnostic === undefined ? {} : { diagnostic: assertion.diagnostic }),
    })),
  );
  return {
    verdict,
    ...(reason === undefined ? {} : { reason }),
    ...(error
      ? {
          message: error.message,
          blame: error.blame,
          code: error.code,
          hint: error.hint,
          ...causes(error.causes),
        }
      : {}),
    ...(repetition ? { board: test.board, seed: repetition.seed } : {}),
    ...(attempts.length > 1 ? { attempts: attempts.map((attempt) => attempt.verdict) } : {}),
    ...(failed.length > 0 ? { failed } : {}),
  };
}

function causes(list: readonly string[] | undefined): { causes?: readonly string[] } {
  return list === undefined ? {} : { causes: list };
}

function yamlBlock(value: Json, indent: string): string[] {
  const text = stringify(harmless(value), { lineWidth: 0 }).trimEnd();
  return ['---', ...text.split('\n'), '...'].map((line) => `${indent}${line}`);
}

/** Every string and key of `value` made visible. */
function harmless(value: Json): Json {
  if (typeof value === 'string') return visible(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: Json) => harmless(item));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [visibleLine(key), harmless(item)]));
}

/** TAP 14 escapes `\` and `#` in descriptions with a backslash. A leading brace would open a subtest in older readers. */
function description(text: string): string {
  return visibleLine(text).replaceAll('\\', '\\\\').replaceAll('#', '\\#');
}
