import { pause } from './abortable.js';
import { Deadline, type DeadlineOptions } from './deadline.js';

export interface PollOptions extends DeadlineOptions {
  /** Time between the end of one look and the next; default 50. */
  readonly everyMs?: number;
}

/**
 * Looks until `condition` gives something truthy, and returns that. Looks at least once.
 *
 * @throws RigError `lifetime.timeout`; the signal's reason; what `condition` throws
 */
export async function pollUntil<T>(
  condition: () => Promise<T> | T,
  options: PollOptions,
): Promise<Exclude<T, false | null | undefined | 0 | ''>> {
  using deadline = new Deadline(options);
  for (;;) {
    deadline.throwIfOver();
    const found = await deadline.race(Promise.resolve(condition()));
    if (found) return found as Exclude<T, false | null | undefined | 0 | ''>;
    await pause(options.everyMs ?? 50, { signal: deadline.signal });
  }
}
