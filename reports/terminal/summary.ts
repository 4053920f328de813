import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type ErrorRecord, firstLine } from '../../rig/contracts/errors.js';
import { countVerdicts } from '../../rig/contracts/verdict.js';
import { readConsole } from '../console-text.js';
import { byRepeatedTest, repetitionWords, worst } from '../repetitions.js';
import { visible, visibleLine } from '../visible.js';
import { blameWords, countWords, duration, marks, resumeCommand } from '../words.js';
import type { RunSource } from './io.js';
import type { Paint } from './paint.js';
import type { FinishedTest } from './status.js';

const consoleTailLines = 8;
const consoleTailBytes = 4 * 1024;
const maxFailures = 20;

/** The last words on a run: what failed and why, how many, and where the reports are. */
export function summaryText(
  source: RunSource,
  options: {
    finished: readonly FinishedTest[];
    boots: number;
    ms: number;
    error?: ErrorRecord | undefined;
    paint: Paint;
  },
): string {
  const { finished, boots, paint } = options;
  const bad = firstOfEachCause(
    finished.filter(({ verdict }) => verdict === 'failed' || verdict === 'errored'),
  );
  const lines: string[] = [''];
  for (const test of bad.slice(0, maxFailures)) lines.push(...failureLines(source, { test, paint }), '');
  if (bad.length > maxFailures) lines.push(`${bad.length - maxFailures} more are in the report.`, '');
  if (options.error) lines.push(paint('errored', 'The run itself'), ...errorLines(options.error), '');
  const repeated = [...byRepeatedTest(finished)];
  for (const [id, tests] of repeated) {
    const verdict = worst(tests);
    lines.push(`${paint(verdict, marks[verdict])} ${visibleLine(id)}: ${repetitionWords(tests)}`);
  }
  if (repeated.length > 0) lines.push('');
  const counts = countVerdicts(finished.map(({ verdict }) => verdict));
  lines.push(`${countWords(counts)} in ${duration(options.ms)}${bootWords(boots)}`);
  for (const file of ['report.html', 'junit.xml', 'report.tap']) {
    const path = join(source.dir, file);
    if (existsSync(path)) lines.push(`  ${fromHere(path)}`);
  }
  return `${lines.join('\n')}\n`;
}

function bootWords(boots: number): string {
  return boots === 0 ? '' : `, ${boots} ${boots === 1 ? 'boot' : 'boots'}`;
}

/** Of the repetitions of a test that failed alike, the first. */
function firstOfEachCause(bad: readonly FinishedTest[]): FinishedTest[] {
  const told = new Set<string>();
  return bad.filter(({ id, repetition, error }) => {
    const cause = JSON.stringify([repetition?.of ?? id, error?.code, error && firstLine(error.message)]);
    return !told.has(cause) && told.add(cause);
  });
}

function failureLines(source: RunSource, { test, paint }: { test: FinishedTest; paint: Paint }): string[] {
  const head = paint(test.verdict, `${marks[test.verdict]} ${visibleLine(test.id)}`);
  const error = test.error ? errorLines(test.error) : [];
  const said = lastLines(source, test);
  return [
    head,
    ...error,
    ...(said.length > 0 ? ['    console:', ...said.map((line) => `      ${line}`)] : []),
    ...(test.frozen ? [`    enter: ${visibleLine(resumeCommand(fromHere(source.dir), test.id))}`] : []),
  ];
}

function errorLines(error: ErrorRecord): string[] {
  const [first = '', ...rest] = visible(error.message).split('\n');
  return [
    `    ${blameWords[error.blame] ?? visibleLine(error.blame)}: ${first}`,
    ...rest.map((line) => `      ${line}`),
    ...(error.hint === '' ? [] : [`    try: ${visibleLine(error.hint)}`]),
  ];
}

function lastLines(source: RunSource, { board, consoleEnd }: FinishedTest): string[] {
  const start = Math.max(0, consoleEnd - consoleTailBytes);
  return readConsole(source.consolePath(board), { start, end: consoleEnd })
    .toString('utf8')
    .split('\n')
    .map((line) => visibleLine(withoutColours(line.replace(/\r+$/, ''))).slice(0, 300))
    .filter((line) => line.trim() !== '')
    .slice(-consoleTailLines);
}

/** Colours say little here and their signs would hide the text; anything else that acts stays, as a sign. */
function withoutColours(line: string): string {
  return line.replaceAll(/\x1b\[[\d;:]*m/g, '');
}

function fromHere(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}
