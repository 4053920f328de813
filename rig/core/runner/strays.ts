import { type ErrorRecord, messageOf, RigError, toErrorRecord } from '../../contracts/errors.js';
import type { EventBody } from '../../contracts/events.js';
import { isTold } from './told.js';

/** What every call under way is ended with when a test or the run is: told with the test that it ended. */
const ends: ReadonlySet<string> = new Set(['test.over', 'test.deadline', 'run.interrupted', 'run.deadline']);

/**
 * A promise that a suite let go of may reject, or a timer of its throw, when its test is long over. Node would end the
 * process at once, with the boards on and no report; so it is an error of the run instead, unless it is only the
 * consequence of what a verdict names.
 */
export function watchStrays(emit: (event: EventBody) => void): { end(): ErrorRecord[] } {
  const strays: { reason: unknown; error: ErrorRecord }[] = [];
  const note = (reason: unknown, error: RigError): void => {
    strays.push({ reason, error: toErrorRecord(error) });
    emit({ type: 'log', level: 'warning', message: error.message });
  };
  const onRejection = (reason: unknown): void => {
    if (!(reason instanceof RigError && ends.has(reason.code))) note(reason, strayRejection(reason));
  };
  const onException = (thrown: unknown): void => note(thrown, strayException(thrown));
  process.on('unhandledRejection', onRejection);
  process.on('uncaughtException', onException);
  return {
    end: () => {
      process.off('unhandledRejection', onRejection);
      process.off('uncaughtException', onException);
      return strays.filter(({ reason }) => !isTold(reason)).map(({ error }) => error);
    },
  };
}

function strayRejection(reason: unknown): RigError {
  return new RigError(`A promise that nobody awaited was rejected: ${messageOf(reason)}`, {
    code: 'suite.stray-rejection',
    blame: 'suite',
    hint: 'Await every promise of a test before its body returns.',
    cause: reason,
  });
}

function strayException(thrown: unknown): RigError {
  return new RigError(`Something that a test left behind threw: ${messageOf(thrown)}`, {
    code: 'suite.stray-exception',
    blame: 'suite',
    hint: 'End every timer and listener of a test before its body returns, and stop at t.signal.',
    cause: thrown,
  });
}
