import type { AttemptRecord, RunRecord } from '../../rig/record/model.js';

const failedBytes = { most: 48 * 1024, least: 2 * 1024, all: 640 * 1024 };
const otherBytes = { most: 12 * 1024, least: 512, all: 320 * 1024 };

/** How much console text the page may hold: the page stays small whatever the boards said, and failures get the most. */
export class ConsoleBudget {
  readonly #failed: number;
  readonly #other: number;
  #previews = 40;

  constructor(run: RunRecord) {
    const attempts = run.tests.flatMap((test) => test.attempts);
    const failed = attempts.filter(didFail).length;
    this.#failed = share(failedBytes, failed);
    this.#other = share(otherBytes, attempts.length - failed);
  }

  bytesFor(attempt: AttemptRecord): number {
    return didFail(attempt) ? this.#failed : this.#other;
  }

  /** Whether one more piece of evidence may be shown on the page itself. */
  takePreview(): boolean {
    this.#previews -= 1;
    return this.#previews >= 0;
  }
}

function didFail({ verdict }: AttemptRecord): boolean {
  return verdict === 'failed' || verdict === 'errored';
}

function share(limit: { most: number; least: number; all: number }, count: number): number {
  return Math.max(limit.least, Math.min(limit.most, Math.floor(limit.all / Math.max(count, 1))));
}
