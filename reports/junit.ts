import type { ErrorRecord } from '../rig/contracts/errors.js';
import {
  type AttemptRecord,
  type BoardRecord,
  boardsOf,
  nameOf,
  type RunRecord,
  runProblem,
  type SuiteRecord,
  type TestRecord,
} from '../rig/record/model.js';
import { consoleTailOf } from './console-text.js';
import { assertionLines, errorLines, failedAssertions } from './explain.js';
import {
  addElements,
  attribute,
  type CaseElement,
  junitText,
  messageAttribute,
  newJunit,
} from './junit-builder.js';
import { byRepeatedTest, repetitionWords } from './repetitions.js';

/** Of the console of one test; Jenkins keeps the text of every failed test for ever. */
const maxConsoleBytes = 64 * 1024;

/**
 * The run as JUnit XML, one test suite for each board and suite. Class and test names hold nothing that differs from run to run, so that
 * Jenkins can follow a test through its history. `failed` is a failure; `errored` and `blocked` are errors, and their type begins with the verdict.
 */
export function junitReport(run: RunRecord): string {
  const junit = newJunit();
  for (const suite of run.suites) {
    const element = junit
      .testSuite()
      .name(attribute(`${suite.board}/${suite.suite}`))
      .timestamp(wallAt(run, suite.startT))
      .time(seconds(suite.endT - suite.startT));
    for (const [name, value] of properties(run, suite)) element.property(name, attribute(value));
    for (const test of suite.tests) {
      const testCase = element
        .testCase()
        .className(attribute(`${suite.board}.${suite.suite}`))
        .name(attribute(nameOf(test)))
        .time(seconds(test.ms));
      addElements(testCase, elementsOf(run, test));
    }
  }
  const problem = runProblem(run);
  if (problem) {
    const testCase = junit
      .testSuite()
      .name('rig')
      .time(0)
      .testCase()
      .className('rig')
      .name('the run as a whole')
      .time(0);
    addElements(testCase, [errorElement(problem, 'errored')]);
  }
  return junitText(junit);
}

function properties(run: RunRecord, suite: SuiteRecord): [string, string][] {
  const open = run.boards.find((board) => board.name === suite.board)?.open;
  const optional: [string, string | undefined][] = [
    ['board', suite.board],
    ['board.type', open?.boardType],
    ['board.untested', open?.untested],
    ['board.profile', open?.profile],
    ['image.sha256', open?.image?.sha256],
    ['image.version', open?.image?.version],
    ['image.variant', open?.image?.variant],
    ['run', run.run],
    ['rig.version', run.rig.version],
    ['git.revision', run.rig.revision ?? undefined],
    ['seed', String(run.seed)],
    ['speed.factor', String(run.host.speedFactor)],
    ['node.version', run.host.node],
  ];
  return [
    ...optional.filter((pair): pair is [string, string] => pair[1] !== undefined),
    ...(open?.drivers ?? []).map(({ name, version }): [string, string] => [
      `driver.${attribute(name)}`,
      version,
    ]),
    ...suite.tests
      .filter((test) => test.verdict === 'flaky')
      .map((test): [string, string] => [`flaky.${attribute(nameOf(test))}`, attemptsInWords(test)]),
    ...[...byRepeatedTest(suite.tests).values()].map((tests): [string, string] => [
      `repeated.${attribute(tests[0]?.name ?? '')}`,
      repetitionWords(tests),
    ]),
  ];
}

function elementsOf(run: RunRecord, test: TestRecord): CaseElement[] {
  const { verdict, reason } = test;
  const output: CaseElement = { name: 'system-out', text: systemOut(run, test) };
  switch (verdict) {
    case 'passed':
      return [output];
    case 'skipped':
      return [{ name: 'skipped', attributes: { message: reason ?? 'no reason was given' } }];
    case 'flaky':
      return [...test.attempts.filter(({ verdict }) => verdict !== 'passed').map(flakyElement), output];
    case 'failed':
      return [failureElement(test), output];
    case 'errored':
    case 'blocked': {
      const error = test.error ?? nameless(reason ?? `The test was ${verdict}`);
      return [errorElement(reason === undefined ? error : { ...error, message: reason }, verdict), output];
    }
  }
}

function failureElement(test: TestRecord): CaseElement {
  const error = test.error ?? nameless('The test failed');
  const last = test.attempts.at(-1);
  const lines = [...errorLines(error), ...(last ? failedAssertions(last).flatMap(assertionLines) : [])];
  return {
    name: 'failure',
    attributes: { message: messageAttribute(error), type: error.code },
    text: lines.join('\n'),
  };
}

function errorElement(error: ErrorRecord, verdict: 'errored' | 'blocked'): CaseElement {
  return {
    name: 'error',
    attributes: {
      message: messageAttribute(error),
      type: `${verdict} ${error.blame} ${error.code}`,
    },
    text: errorLines(error).join('\n'),
  };
}

function flakyElement(attempt: AttemptRecord): CaseElement {
  const error = attempt.error ?? nameless('The attempt failed');
  return {
    name: 'flakyFailure',
    attributes: { message: messageAttribute(error), type: error.code },
    text: [...errorLines(error), ...failedAssertions(attempt).flatMap(assertionLines)].join('\n'),
  };
}

/** Measures always; message, hint and console of what did not simply pass. */
function systemOut(run: RunRecord, test: TestRecord): string {
  const parts: string[] = [];
  if (test.repetition && test.verdict !== 'passed')
    parts.push(`On ${test.board}, with the seed ${test.repetition.seed}`);
  for (const attempt of test.attempts) {
    if (test.attempts.length > 1) parts.push(`Attempt ${attempt.attempt}: ${attempt.verdict}`);
    for (const { name, value, unit } of attempt.measures) parts.push(`${name} = ${value} ${unit}`);
    if (attempt.verdict === 'passed' || attempt.verdict === 'skipped') continue;
    if (attempt.error) parts.push(...errorLines(attempt.error));
    for (const { file } of attempt.evidence) parts.push(`Evidence: ${file}`);
    for (const board of boardsOf(run, test)) parts.push(...consoleLines(run, { board, attempt }));
  }
  return parts.join('\n');
}

function consoleLines(run: RunRecord, place: { board: BoardRecord; attempt: AttemptRecord }): string[] {
  const { text, leftOutBytes } = consoleTailOf(run, { ...place, maxBytes: maxConsoleBytes });
  if (text === '') return [];
  const more =
    leftOutBytes > 0 ? `, without its first ${leftOutBytes} bytes (whole: ${place.board.consoleFile})` : '';
  return ['', `Console of ${place.board.name}${more}:`, text];
}

function attemptsInWords(test: TestRecord): string {
  return test.attempts
    .map(({ attempt, verdict, error }) => `attempt ${attempt} ${verdict}${error ? ` (${error.code})` : ''}`)
    .join(', ');
}

function nameless(message: string): ErrorRecord {
  return { code: 'report.no-error', blame: 'rig', message, hint: '' };
}

function seconds(ms: number): number {
  return Math.max(0, Math.round(ms)) / 1000;
}

/** As Jenkins reads it: ISO 8601 without a zone. */
function wallAt(run: RunRecord, t: number): string {
  return new Date(Date.parse(run.startedAt) + t).toISOString().slice(0, 19);
}
