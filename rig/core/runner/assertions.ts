import type { Json } from '../../contracts/errors.js';
import type { Assertions } from '../../contracts/suite.js';

/** One assertion as tap judged it. */
export interface AssertionResult {
  readonly ok: boolean;
  readonly name: string;
  readonly diagnostic?: Json;
}

/** Thrown by `require`, after the assertion itself was counted. */
export class RequirementFailed extends Error {
  override readonly name = 'RequirementFailed';
}

/** Assertions made by tap; each result goes to `onResult`, and `finish` closes tap's test. */
export interface AssertionSet {
  readonly assertions: Assertions;
  finish(): void;
}

/**
 * tap is loaded here, when the first test begins, not with the runner: it costs 0.15 CPU seconds, and `rig boards`
 * or a board that does not boot has no use for it.
 */
export async function tapAssertions(
  name: string,
  onResult: (result: AssertionResult) => void,
): Promise<AssertionSet> {
  const { Test } = await import('tap');
  const test = new Test({ name, autoend: false, bail: false });
  test.on('assert', (result) => {
    const diagnostic = result.ok ? undefined : shown(result.diag);
    onResult({
      ok: result.ok !== false,
      name: result.name,
      ...(diagnostic === undefined ? {} : { diagnostic }),
    });
  });
  // tap writes TAP text as it goes; ours is made from the event log, so this stream only has to flow.
  test.resume();
  const say = (message: string | undefined, fallback: string): string => message ?? fallback;
  const assertions: Assertions = {
    ok: (value, message) => test.ok(value, say(message, 'is truthy')),
    notOk: (value, message) => test.notOk(value, say(message, 'is falsy')),
    equal: (found, wanted, message) => test.equal(found, wanted, say(message, 'is equal')),
    not: (found, unwanted, message) => test.not(found, unwanted, say(message, 'is not equal')),
    same: (found, wanted, message) => test.strictSame(found, wanted, say(message, 'is deeply equal')),
    match: (found, pattern, message) =>
      test.match(found, pattern, say(message, `matches ${String(pattern)}`)),
    notMatch: (found, pattern, message) =>
      test.notMatch(found, pattern, say(message, `does not match ${String(pattern)}`)),
    fail: (message, diagnostic) => test.fail(message, diagnostic === undefined ? {} : { found: diagnostic }),
    pass: (message) => test.pass(message),
    require: (value, message) => {
      if (!test.ok(value, message)) throw new RequirementFailed(message);
    },
  };
  return { assertions, finish: () => test.end() };
}

/** What a report shows of tap's diagnostics: what was found and wanted, not tap's own source positions. */
function shown(diagnostic: unknown): Json | undefined {
  if (typeof diagnostic !== 'object' || diagnostic === null) return undefined;
  const kept = Object.entries(diagnostic).filter(([key]) =>
    ['found', 'wanted', 'diff', 'pattern', 'diagnostic', 'doNotWant'].includes(key),
  );
  if (kept.length === 0) return undefined;
  return toPlain(Object.fromEntries(kept));
}

/** JSON's own view of a value, with what JSON has no word for as text. */
function toPlain(value: unknown): Json {
  const plain = (_key: string, inner: unknown): unknown =>
    inner instanceof RegExp || typeof inner === 'bigint' ? String(inner) : inner;
  return (JSON.parse(JSON.stringify(value, plain) ?? 'null') ?? null) as Json;
}
