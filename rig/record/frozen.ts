import type { EpochReason } from '../contracts/events.js';
import { parseFrozenFolder } from './layout.js';
import type { AttemptRecord, RunRecord, TestRecord } from './model.js';

/** A board of a failed test, kept as it stood. */
export interface FrozenBoard {
  readonly board: string;
  /** Relative to the run folder. */
  readonly dir: string;
  /** What it had been through last, and how long before it was kept; absent when the log does not tell. */
  readonly life?: { readonly since: EpochReason; readonly ms: number };
  /** A shell answered after it was kept: it neither hung nor had panicked. */
  readonly answered: boolean;
}

/** What was kept of a test: of its last attempt of which there is something. */
export interface FrozenTest {
  readonly test: TestRecord;
  readonly attempt: AttemptRecord;
  /** Where it failed. */
  readonly failure: readonly FrozenBoard[];
  /** Where its steps began, by their numbers. */
  readonly steps: ReadonlyMap<number, readonly FrozenBoard[]>;
}

/** The tests of which boards were kept, in the order of the run. The folders may be gone since. */
export function frozenTests(run: RunRecord): readonly FrozenTest[] {
  return run.tests.flatMap((test) => {
    const attempts = test.attempts.map((attempt) => frozenOf(run, test, attempt));
    return attempts.findLast(({ failure, steps }) => failure.length > 0 || steps.size > 0) ?? [];
  });
}

/** Whether a board was kept where an attempt failed. */
export function isFrozen({ evidence }: Pick<AttemptRecord, 'evidence'>): boolean {
  return evidence.some(({ file }) => parseFrozenFolder(file)?.at === 'failure');
}

function frozenOf(run: RunRecord, test: TestRecord, attempt: AttemptRecord): FrozenTest {
  const failure: FrozenBoard[] = [];
  const steps = new Map<number, FrozenBoard[]>();
  for (const { file } of attempt.evidence) {
    const kept = parseFrozenFolder(file);
    if (!kept) continue;
    const frozen = frozenBoard(run, { board: kept.board, dir: file, attempt });
    if (kept.at === 'failure') failure.push(frozen);
    else steps.set(kept.at.step, [...(steps.get(kept.at.step) ?? []), frozen]);
  }
  return { test, attempt, failure, steps };
}

function frozenBoard(
  run: RunRecord,
  { board, dir, attempt }: { board: string; dir: string; attempt: AttemptRecord },
): FrozenBoard {
  const record = run.boards.find(({ name }) => name === board);
  const saved = record?.timeline.find((event) => event.type === 'snapshot' && event.dir === dir);
  const epoch = saved && record?.epochs.findLast(({ t }) => t <= saved.t);
  const answered = record?.timeline.some(
    (event) =>
      event.type === 'shell' &&
      event.exitCode !== null &&
      event.seq > (saved?.seq ?? attempt.startSeq) &&
      event.seq < attempt.endSeq,
  );
  return {
    board,
    dir,
    answered: answered === true,
    ...(saved && epoch ? { life: { since: epoch.reason, ms: Math.max(0, saved.t - epoch.t) } } : {}),
  };
}
