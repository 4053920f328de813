import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import untyped, { type Builder } from 'junit-report-builder';
import { diagnosticLines } from './print.js';
import type { FileResult } from './run-file.js';

// Its types describe an ES module's default export, but it is CommonJS: the import is the builder itself.
const junit = untyped as unknown as Builder;

/** Writes the results of the test files for Jenkins' `junit` step. */
export function writeJunit(path: string, results: readonly FileResult[]): void {
  for (const result of results) {
    const suite = junit.testSuite().name(result.source).time(result.wallSeconds);
    for (const test of result.tests) {
      const entry = suite
        .testCase()
        .className(result.source)
        .name(test.name)
        .time(test.ms / 1000);
      if (test.verdict === 'skipped') entry.skipped();
      for (const failure of test.failures)
        entry.failure(failure.name).stacktrace(diagnosticLines(failure.diagnostic).join('\n'));
    }
    if (result.problem !== undefined) {
      suite
        .testCase()
        .className(result.source)
        .name('the file as a whole')
        .error(result.problem, 'driver', result.stderrTail);
    }
  }
  mkdirSync(dirname(path), { recursive: true });
  junit.writeTo(path);
}
