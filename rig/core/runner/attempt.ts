import { AsyncLocalStorage } from 'node:async_hooks';
import { type ErrorRecord, RigError, toErrorRecord } from '../../contracts/errors.js';
import type { EventBody, TestPlace } from '../../contracts/events.js';
import type { Board, HostServices, TestContext } from '../../contracts/suite.js';
import type { Verdict } from '../../contracts/verdict.js';
import { abortable } from '../../lifetime/abortable.js';
import { longestTimerMs } from '../../lifetime/deadline.js';
import { type Compared, RequirementFailed, tapAssertions } from './assertions.js';
import { eventually } from './eventually.js';
import { Guard } from './guard.js';
import type { PlannedTest } from './plan.js';
import { SeededRandom } from './random.js';
import { markTold } from './told.js';

/** After its time is over a body has this long to stop by itself; then its handles are revoked. */
const graceMs = 2_000;
/** A timer that fired this much late proves that this process, not the board, was held up. */
const stalledMs = 5_000;

export interface AttemptOptions {
  readonly place: TestPlace;
  readonly boards: readonly Board[];
  /** Closed when the attempt is over. */
  readonly host: HostServices & AsyncDisposable;
  /** The run's. */
  readonly seed: number;
  /** Multiplies the deadline. */
  readonly scale: number;
  /** Ends the test from outside: a signal, the run's deadline, a lost board. */
  readonly signal: AbortSignal;
  readonly emit: (event: EventBody) => void;
  /** Tells the boards which signal ends their calls from now on. */
  readonly useSignal: (signal: AbortSignal) => void;
  /** Keeps a file with the evidence of the test. */
  readonly keep: (name: string, content: Uint8Array) => Promise<void>;
  /** Awaited before the body of each step. Never rejects. */
  readonly stepBegins?: ((step: number) => Promise<void>) | undefined;
}

export interface AttemptOutcome {
  readonly verdict: Extract<Verdict, 'passed' | 'failed' | 'errored' | 'skipped'>;
  readonly error?: ErrorRecord;
  readonly reason?: string;
}

class Skipped extends Error {}

/** Runs the body of one test once and says what came of it. Never rejects. */
export async function runAttempt(planned: PlannedTest, options: AttemptOptions): Promise<AttemptOutcome> {
  const { place, emit } = options;
  const guard = new Guard();
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, options.signal]);
  options.useSignal(signal);
  await using host = options.host;

  const failed: string[] = [];
  let assertions = 0;
  let first: { error: unknown } | 'assertion' | undefined;
  const steps = new AsyncLocalStorage<number>();
  let lastStep = 0;

  const set = await tapAssertions(planned.test.name, {
    called: (ok, name, compared) => {
      assertions += 1;
      if (!ok) {
        failed.push(`${name}${sideBySide(compared)}`);
        first ??= 'assertion';
      }
      const step = steps.getStore();
      return step === undefined ? {} : { step };
    },
    judged: (where, result) => emit({ type: 'assert', ...place, ...result, ...where }),
  });

  const step: TestContext['step'] = async (name, body) => {
    lastStep += 1;
    const id = lastStep;
    const parent = steps.getStore();
    const leave = guard.enter(`step "${name}"`);
    const failedBefore = failed.length;
    emit({ type: 'step.start', ...place, step: id, name, ...(parent === undefined ? {} : { parent }) });
    try {
      await options.stepBegins?.(id);
      signal.throwIfAborted();
      const result = await steps.run(id, body);
      emit({ type: 'step.end', ...place, step: id, ok: failed.length === failedBefore });
      return result;
    } catch (error) {
      const thrown = error instanceof RequirementFailed || error instanceof Skipped;
      emit({
        type: 'step.end',
        ...place,
        step: id,
        ok: error instanceof Skipped,
        ...(thrown ? {} : { error: toErrorRecord(error, 'suite') }),
      });
      throw error;
    } finally {
      leave();
    }
  };

  const boards = options.boards.map((board) => guard.wrap(board, board.name));
  const [board] = boards;
  if (!board) throw new TypeError('a test needs at least one board');
  const context: TestContext = {
    ...guard.wrap(set.assertions, 't'),
    board,
    boards,
    host: guard.wrap(host, 'host'),
    random: new SeededRandom({
      // A repetition draws what a run of its own seed would.
      seed: planned.repetition?.seed ?? options.seed,
      id: planned.repetition?.of ?? place.id,
      attempt: place.attempt,
    }),
    signal,
    step,
    measure: (name, value, unit) => {
      if (!Number.isFinite(value)) throw badMeasure(name, value);
      emit({ type: 'measure', ...place, name, value, unit });
    },
    keep: async (name, content) => {
      const leave = guard.enter(`keep(${JSON.stringify(name)})`);
      try {
        await options.keep(name, content);
      } finally {
        leave();
      }
    },
    skip: (reason) => {
      throw new Skipped(reason);
    },
    eventually: async (what, condition, waitOptions) => {
      // Under way also between two looks: a deadline that falls there has waited for the board.
      const leave = guard.enter(`eventually(${JSON.stringify(what)})`);
      try {
        return await eventually(what, condition, { ...waitOptions, scale: options.scale, signal });
      } finally {
        leave();
      }
    },
  };

  const deadline = startDeadline(planned, guard, over, options.scale);
  const body = (async () => planned.test.body(context))();
  try {
    await abortable(body, { signal });
    if (guard.pending.length > 0) {
      throw new RigError(`The test's body returned while ${guard.pending.join(', ')} was still under way`, {
        code: 'suite.not-awaited',
        blame: 'suite',
        hint: 'Put an await before the call, or return its promise.',
      });
    }
    if (assertions === 0 && guard.calls === 0) {
      throw new RigError('The test asserted nothing and asked nothing of the board', {
        code: 'suite.asserts-nothing',
        blame: 'suite',
        hint: 'A test that cannot fail says nothing: assert what the behaviour promises.',
      });
    }
  } catch (error) {
    if (error instanceof Skipped) {
      return failed.length > 0
        ? judge('assertion', failed, assertions)
        : { verdict: 'skipped', reason: error.message };
    }
    if (!(error instanceof RequirementFailed)) first ??= { error };
  } finally {
    deadline.stop();
    if (signal.aborted) await settled(body, graceMs);
    guard.revoke(`test "${planned.test.name}" is over`);
    over.abort(
      new RigError(`Test "${planned.test.name}" is over`, { code: 'test.over', blame: 'suite', hint: '' }),
    );
    await set.finish();
  }
  return judge(first, failed, assertions);
}

/** `: found "a", wanted "b"`, where both are short. */
function sideBySide(compared: Compared): string {
  if (!('wanted' in compared)) return '';
  const [found, wanted] = [compared.found, compared.wanted].map((value) =>
    value instanceof RegExp ? String(value) : JSON.stringify(value),
  );
  const text = `: found ${found}, wanted ${wanted}`;
  return text.length > 120 ? '' : text;
}

/** The first cause wins: what broke after it is only its consequence. */
function judge(
  first: { error: unknown } | 'assertion' | undefined,
  failed: readonly string[],
  all: number,
): AttemptOutcome {
  if (first === undefined) return { verdict: 'passed' };
  if (first !== 'assertion') {
    markTold(first.error);
    const error = toErrorRecord(first.error, 'suite');
    return { verdict: error.blame === 'board' ? 'failed' : 'errored', error };
  }
  const more = failed.length > 1 ? ` (and ${failed.length - 1} more of ${all})` : '';
  return {
    verdict: 'failed',
    error: {
      code: 'test.assertion',
      blame: 'board',
      message: `Assertion failed: ${failed[0]}${more}`,
      hint: 'The board answered, and not with what the test wants: the report has found and wanted side by side.',
    },
  };
}

function badMeasure(name: string, value: number): RigError {
  return new RigError(`Cannot record the measure "${name}": ${value} is no number`, {
    code: 'suite.bad-measure',
    blame: 'suite',
    hint: 'Measure only what was measured: leave it out where there is no value.',
  });
}

function startDeadline(
  planned: PlannedTest,
  guard: Guard,
  over: AbortController,
  scale: number,
): { stop(): void } {
  const ms = planned.test.options.deadlineMs * scale;
  const due = performance.now() + ms;
  const timer = setTimeout(
    () => {
      const lateMs = Math.round(performance.now() - due);
      const waiting = guard.pending.filter((call) => !call.startsWith('step '));
      const step = guard.pending.findLast((call) => call.startsWith('step '));
      over.abort(
        new RigError(
          `Test "${planned.test.name}" was not done within ${Math.round(ms)} ms${step ? `, in ${step}` : ''}: ` +
            (waiting.length > 0
              ? `it waited for ${waiting.join(', ')}`
              : 'it waited for nothing of the board'),
          {
            code: 'test.deadline',
            blame: lateMs > stalledMs ? 'rig' : waiting.length > 0 ? 'board' : 'suite',
            hint:
              waiting.length > 0
                ? 'The board did not do in time what the test waited for; give the test a longer deadlineMs if it may take longer.'
                : 'The body itself did not end: look for a loop or a promise that never settles.',
            evidence: { waitingFor: [...waiting], timerLateMs: lateMs },
          },
        ),
      );
    },
    Math.min(ms, longestTimerMs),
  );
  return { stop: () => clearTimeout(timer) };
}

/** Waits at most `ms` for the body to stop; what it throws then is a consequence of the abort, already told. */
async function settled(body: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([
    body.then(
      () => {},
      () => {},
    ),
    patience,
  ]);
  clearTimeout(timer);
}
