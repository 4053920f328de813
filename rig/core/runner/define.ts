import { RigError } from '../../contracts/errors.js';
import type {
  SuiteDefinition,
  SuiteOptions,
  TestBody,
  TestDefinition,
  TestOptions,
} from '../../contracts/suite.js';
import { suiteProblems, testProblems } from './suite-options.js';

/** Adds one test to the suite being defined. */
export interface AddTest {
  (name: string, options: TestOptions, body: TestBody): void;
  (name: string, body: TestBody): void;
}

const defaults = { from: 'shell', dirties: 'nothing', tier: 'pr', deadlineMs: 60_000, boards: 1 } as const;

/**
 * Defines a suite; a suite file exports it as default. `define` only names the tests: it runs when the file is
 * loaded, before any board is touched.
 *
 * @throws RigError `suite.invalid` for an empty suite, a name given twice or a body that is no function
 */
export function suite(name: string, options: SuiteOptions, define: (test: AddTest) => void): SuiteDefinition {
  const tests: TestDefinition[] = [];
  const names = new Set<string>();
  const add = (testName: string, first: TestOptions | TestBody, second?: TestBody): void => {
    const [testOptions, body] = typeof first === 'function' ? [{}, first] : [first, second];
    if (typeof body !== 'function') throw invalid(name, `test "${testName}" has no body`);
    if (testName.trim() === '' || testName.includes('\n'))
      throw invalid(name, `a test needs a name of one line, not ${JSON.stringify(testName)}`);
    if (names.has(testName)) throw invalid(name, `two tests are called "${testName}"`);
    for (const problem of testProblems(testOptions)) throw invalid(name, `test "${testName}": ${problem}`);
    names.add(testName);
    tests.push({ name: testName, options: { ...defaults, ...testOptions }, body });
  };
  if (typeof name !== 'string' || name.trim() === '' || /[\n/]/.test(name))
    throw invalid(String(name), 'a suite needs a name of one line without "/"');
  for (const problem of suiteProblems(options)) throw invalid(name, problem);
  if (typeof define !== 'function') throw invalid(name, 'its third argument is no function');
  define(add);
  if (tests.length === 0) throw invalid(name, 'it has no tests');
  return { name, options, tests };
}

/** Whether a suite file's default export is what `suite` returns. */
export function isSuite(value: unknown): value is SuiteDefinition {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    'options' in value &&
    'tests' in value &&
    Array.isArray(value.tests)
  );
}

function invalid(name: string, what: string): RigError {
  return new RigError(`Cannot define suite "${name}": ${what}`, {
    code: 'suite.invalid',
    blame: 'suite',
    hint: "Write suite('name', { summary: '…' }, (test) => { test('name', { from: 'shell' }, async (t) => { … }); }), each name once.",
  });
}
