import { Parser, type Result } from 'tap-parser';

export interface TestRecord {
  readonly name: string;
  readonly verdict: 'passed' | 'failed' | 'skipped';
  readonly ms: number;
  /** Why it was skipped. */
  readonly reason?: string;
  readonly failures: readonly FailedAssertion[];
}

export interface FailedAssertion {
  readonly name: string;
  /** What tap says of it, as it stands in the stream. */
  readonly diagnostic: unknown;
}

export interface TapSummary {
  readonly tests: readonly TestRecord[];
  /** Leaf assertions; 0 means that the file checked nothing. */
  readonly assertions: number;
  /** What is wrong with the stream itself: bailed out, plan not kept. */
  readonly problem?: string;
}

/** What is collected below one test point while its sub-tests are read. */
interface Scope {
  assertions: number;
  skipped: number;
  skipReason: string | undefined;
  readonly failures: FailedAssertion[];
}

/** Reads one file's TAP. Feed it with `write`, then ask `end`. */
export function readTap(): { write: (text: string) => void; end: () => TapSummary } {
  const tests: TestRecord[] = [];
  let assertions = 0;
  const parser = new Parser();
  watch(parser, [], (result, scope) => {
    assertions += scope.assertions;
    const reason = skipReasonOf(result, scope);
    tests.push({
      name: result.name,
      verdict: scope.failures.length > 0 ? 'failed' : reason === undefined ? 'passed' : 'skipped',
      ms: result.time ?? 0,
      ...(reason === undefined ? {} : { reason }),
      failures: scope.failures,
    });
  });
  return {
    write: (text) => void parser.write(text),
    end: () => {
      parser.end();
      const final = parser.results;
      const problem = problemOf(parser, tests);
      return {
        tests,
        assertions,
        ...(final && problem === undefined ? {} : { problem: problem ?? 'no TAP came' }),
      };
    },
  };
}

function problemOf(parser: Parser, tests: readonly TestRecord[]): string | undefined {
  const final = parser.results;
  if (!final) return undefined;
  if (final.bailout) return `bailed out: ${String(final.bailout)}`;
  const broken = final.failures.find((failure) => failure.tapError);
  if (broken) return String(broken.tapError);
  if (!final.ok && tests.every((test) => test.verdict !== 'failed'))
    return 'tap says "not ok" without saying why';
  return undefined;
}

/** Calls `done` for each test point of `parser`, with what its sub-tests gave. */
function watch(parser: Parser, path: readonly string[], done: (result: Result, scope: Scope) => void): void {
  let inner: Scope | undefined;
  parser.on('child', (child: Parser) => {
    const scope: Scope = { assertions: 0, skipped: 0, skipReason: undefined, failures: [] };
    inner = scope;
    watch(child, [...path, child.name], (result, below) => {
      scope.assertions += below.assertions;
      scope.failures.push(...below.failures);
      const reason = skipReasonOf(result, below);
      if (reason !== undefined) {
        scope.skipped += 1;
        scope.skipReason ??= reason;
      }
    });
  });
  parser.on('assert', (result: Result) => {
    const scope = inner ?? { assertions: 1, skipped: 0, skipReason: undefined, failures: [] };
    const isLeaf = inner === undefined;
    inner = undefined;
    const excused = result.skip !== false || result.todo !== false;
    const name = [...path, result.name].filter((part) => part !== '').join(' > ');
    if (!isLeaf && scope.assertions === 0 && !excused)
      scope.failures.push({ name, diagnostic: { problem: 'the test asserts nothing' } });
    else if (!result.ok && !excused && scope.failures.length === 0)
      scope.failures.push({ name, diagnostic: result.diag });
    done(result, scope);
  });
}

/** A test is skipped when it says so, or when every assertion inside it was. */
function skipReasonOf(result: Result, scope: Scope): string | undefined {
  if (result.skip !== false)
    return typeof result.skip === 'string' && result.skip !== '' ? result.skip : result.name;
  if (result.todo !== false) return `to do: ${String(result.todo)}`;
  return scope.skipped > 0 && scope.skipped === scope.assertions ? scope.skipReason : undefined;
}
