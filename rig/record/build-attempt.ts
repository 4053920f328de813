import type { ErrorRecord } from '../contracts/errors.js';
import type { RigEvent } from '../contracts/events.js';
import type { AssertionRecord, AttemptRecord, EvidenceRecord, StepRecord } from './model.js';

type TestEvent = Extract<RigEvent, { id: string }>;
type TestStart = Extract<RigEvent, { type: 'test.start' }>;

/**
 * One attempt of a test from its events.
 *
 * @param own every event of this attempt
 * @param run.unfinished what is said of an attempt without an end, which then lasted to `run.endT`
 */
export function buildAttempt(
  start: TestStart,
  own: readonly TestEvent[],
  run: { readonly endT: number; readonly unfinished: ErrorRecord },
): AttemptRecord {
  const end = own.find((event) => event.type === 'test.end');
  const error = end === undefined ? run.unfinished : end.error;
  const endT = end?.t ?? run.endT;
  return {
    attempt: start.attempt,
    verdict: end?.verdict ?? 'errored',
    startSeq: start.seq,
    // Without an end it lasts as long as the log.
    endSeq: end?.seq ?? Number.POSITIVE_INFINITY,
    startT: start.t,
    endT,
    ms: end?.ms ?? Math.round(endT - start.t),
    deadlineMs: start.deadlineMs,
    from: start.from,
    steps: buildSteps(own),
    assertions: assertionsOf(own, undefined),
    measures: own
      .filter((event) => event.type === 'measure')
      .map(({ name, value, unit }) => ({ name, value, unit })),
    evidence: own.filter((event) => event.type === 'evidence').flatMap(evidenceOf),
    ...(end?.reason === undefined ? {} : { reason: end.reason }),
    ...(error === undefined ? {} : { error }),
  };
}

function buildSteps(own: readonly TestEvent[]): StepRecord[] {
  const starts = own.filter((event) => event.type === 'step.start');
  const ends = new Map(own.filter((event) => event.type === 'step.end').map((end) => [end.step, end]));
  const known = new Set(starts.map((start) => start.step));
  const childrenOf = (parent: number | undefined): StepRecord[] =>
    starts
      // A parent is always older than its child: a log that says otherwise cannot make this run in circles.
      .filter((start) => {
        const own = start.parent;
        return (own !== undefined && own < start.step && known.has(own) ? own : undefined) === parent;
      })
      .map((start): StepRecord => {
        const end = ends.get(start.step);
        return {
          step: start.step,
          name: start.name,
          startSeq: start.seq,
          startT: start.t,
          ok: end?.ok ?? false,
          ...(end === undefined ? {} : { endSeq: end.seq, endT: end.t }),
          ...(end?.error === undefined ? {} : { error: end.error }),
          assertions: assertionsOf(own, start.step),
          children: childrenOf(start.step),
        };
      });
  return childrenOf(undefined);
}

function assertionsOf(own: readonly TestEvent[], step: number | undefined): AssertionRecord[] {
  return own
    .filter((event) => event.type === 'assert')
    .filter((event) => event.step === step)
    .map(({ ok, name, seq, t, diagnostic }) => ({
      ok,
      name,
      seq,
      t,
      ...(diagnostic === undefined ? {} : { diagnostic }),
    }));
}

/** A file outside the run folder is none of its evidence, whatever the log says. */
function evidenceOf({ name, file }: { name: string; file: string }): EvidenceRecord[] {
  const inside = !file.startsWith('/') && !file.includes('\\') && !/(^|\/)\.\.(\/|$)|^[a-z]+:/i.test(file);
  return inside ? [{ name, file }] : [];
}
