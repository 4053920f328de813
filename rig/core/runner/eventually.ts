import { RigError } from '../../contracts/errors.js';
import type { WaitOptions } from '../../contracts/suite.js';
import { pause } from '../../lifetime/abortable.js';

/**
 * Polls until `condition` gives something truthy. An error that the condition throws is remembered and told if the
 * time runs out: while a board changes state, the question itself may fail.
 *
 * @throws RigError `test.never-true`, blame board
 */
export async function eventually<T>(
  what: string,
  condition: () => Promise<T | undefined | false | null>,
  options: WaitOptions & { readonly everyMs?: number; readonly scale: number; readonly signal: AbortSignal },
): Promise<T> {
  const timeoutMs = (options.timeoutMs ?? 30_000) * options.scale;
  const end = performance.now() + timeoutMs;
  let last: unknown;
  let asked = 0;
  for (;;) {
    options.signal.throwIfAborted();
    try {
      asked += 1;
      const value = await condition();
      if (value) return value;
      last = undefined;
    } catch (error) {
      options.signal.throwIfAborted();
      last = error;
    }
    if (performance.now() >= end) break;
    await pause(options.everyMs ?? 250, { signal: options.signal });
  }
  throw new RigError(`${what}: not within ${Math.round(timeoutMs)} ms`, {
    code: 'test.never-true',
    blame: 'board',
    hint: 'The condition was asked for the whole time and never held.',
    evidence: { asked },
    ...(last === undefined ? {} : { cause: last }),
  });
}
