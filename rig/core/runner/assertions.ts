import { createRequire } from 'node:module';
import { inspect } from 'node:util';
import type { Json } from '../../contracts/errors.js';
import type { Assertions } from '../../contracts/suite.js';

/** One assertion as tap judged it. */
export interface AssertionResult {
  readonly ok: boolean;
  readonly name: string;
  readonly diagnostic?: Json;
}

/** What an assertion put side by side. */
export interface Compared {
  readonly found?: unknown;
  readonly wanted?: unknown;
}

/** Thrown by `require`, after the assertion itself was counted. */
export class RequirementFailed extends Error {
  override readonly name = 'RequirementFailed';
}

/** Assertions made by tap. */
export interface AssertionSet {
  readonly assertions: Assertions;
  /** Closes tap's test; every result was told when it resolves. */
  finish(): Promise<void>;
}

export interface AssertionListener<Place> {
  /** At the moment of the call, in the caller's asynchronous context: where in the test it stands. */
  called(ok: boolean, name: string, compared: Compared): Place;
  /** When tap has written its diagnostics; a little later, in the order of the calls. */
  judged(place: Place, result: AssertionResult): void;
}

/**
 * tap is loaded here, when the first test begins, not with the runner: it costs 0.1 CPU seconds, and `rig boards`
 * or a board that does not boot has no use for it. By `require`, since as ES modules its 250 files cost three times as
 * much once a suite from outside has hooked their loading.
 */
export async function tapAssertions<Place>(
  testName: string,
  listener: AssertionListener<Place>,
): Promise<AssertionSet> {
  const { Test, t: root } = createRequire(import.meta.url)('tap') as typeof import('tap');
  // Loading tap begins a root test, which after 30 seconds ends the process by SIGALRM. Time-outs are the runner's.
  root.setTimeout(0);
  const test = new Test({ name: testName, autoend: false, bail: false });
  const places: { place: Place; compared: Compared }[] = [];
  test.on('assert', (result) => {
    const call = places.shift();
    if (call === undefined) return;
    const diagnostic = result.ok ? undefined : shown(result.diag, call.compared);
    listener.judged(call.place, {
      ok: result.ok !== false,
      name: result.name,
      ...(diagnostic === undefined ? {} : { diagnostic }),
    });
  });
  // tap writes TAP text as it goes; ours is made from the event log, so this stream only has to flow.
  test.resume();
  const check = (name: string, judge: (name: string) => boolean, compared: Compared = {}): boolean => {
    const ok = judge(name);
    places.push({ place: listener.called(ok, name, compared), compared });
    return ok;
  };
  const assertions: Assertions = {
    ok: (value, message = 'is truthy') => check(message, (name) => test.ok(value, name)),
    notOk: (value, message = 'is falsy') => check(message, (name) => test.notOk(value, name)),
    equal: (found, wanted, message = 'is equal') =>
      check(message, (name) => test.equal(found, wanted, name), { found, wanted }),
    not: (found, unwanted, message = 'is not equal') =>
      check(message, (name) => test.not(found, unwanted, name), { found }),
    same: (found, wanted, message = 'is deeply equal') =>
      check(message, (name) => test.strictSame(found, wanted, name), { found, wanted }),
    match: (found, pattern, message = `matches ${String(pattern)}`) =>
      check(message, (name) => test.match(found, pattern, name), { found, wanted: pattern }),
    notMatch: (found, pattern, message = `does not match ${String(pattern)}`) =>
      check(message, (name) => test.notMatch(found, pattern, name), { found }),
    fail: (message, diagnostic) =>
      check(message, (name) => test.fail(name, diagnostic === undefined ? {} : { found: diagnostic })),
    pass: (message) => check(message, (name) => test.pass(name)),
    require: (value, message) => {
      if (!check(message, (name) => test.ok(value, name))) throw new RequirementFailed(message);
    },
  };
  const finish = async (): Promise<void> => {
    const ended = new Promise<void>((resolve) => {
      test.once('end', () => resolve());
    });
    test.end();
    await ended;
  };
  return { assertions, finish };
}

/** What a report shows of tap's diagnostics: what was found and wanted, not tap's own source positions. */
function shown(diagnostic: unknown, compared: Compared): Json | undefined {
  const kept = Object.entries(typeof diagnostic === 'object' && diagnostic !== null ? diagnostic : {}).filter(
    ([key]) => ['found', 'wanted', 'diff', 'pattern', 'diagnostic', 'doNotWant'].includes(key),
  );
  const all = { ...compared, ...Object.fromEntries(kept) };
  return Object.keys(all).length === 0 ? undefined : toPlain(all);
}

/** Of a value that a report shows; the console log has the rest. */
const maxText = 8_192;

/** JSON's own view of a value, with what JSON has no word for as text: a circle, or a `toJSON` that throws. */
function toPlain(value: unknown): Json {
  const plain = (_key: string, inner: unknown): unknown => {
    if (typeof inner === 'string' && inner.length > maxText)
      return `${inner.slice(0, maxText)}… (${inner.length} characters)`;
    const wordless =
      inner === undefined ||
      typeof inner === 'bigint' ||
      (typeof inner === 'number' && !Number.isFinite(inner));
    return wordless || inner instanceof RegExp ? String(inner) : inner;
  };
  try {
    return (JSON.parse(JSON.stringify(value, plain) ?? 'null') ?? null) as Json;
  } catch {
    return inspect(value);
  }
}
