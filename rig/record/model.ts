import type { Stage } from '../contracts/board.js';
import type { ErrorRecord, Json } from '../contracts/errors.js';
import type { EpochReason, EventBody, Repetition, RigEvent, RunStart } from '../contracts/events.js';
import type { StartState } from '../contracts/suite.js';
import type { SlotBoot } from '../contracts/update.js';
import type { Verdict, VerdictCounts } from '../contracts/verdict.js';

/**
 * A run as its folder tells it. Times `t`, `startT` and `endT` are milliseconds since the run began. Names and texts may come from
 * a board: whoever prints them makes them harmless.
 */
export interface RunRecord {
  /** The folder, absolute. */
  readonly dir: string;
  readonly run: string;
  /** Wall clock of the first event, ISO 8601 UTC. */
  readonly startedAt: string;
  /** Until the last event. */
  readonly durationMs: number;
  readonly argv: readonly string[];
  readonly rig: RunStart['rig'];
  readonly host: RunStart['host'];
  readonly seed: number;
  readonly night?: string;
  readonly imageName?: string;
  /** The log has no end: the rig was killed, or is still running. */
  readonly truncated: boolean;
  readonly counts: VerdictCounts;
  /** Of a truncated run: what it would have been, at least 3 unless a board failed. */
  readonly exitCode: number;
  readonly signal?: string;
  readonly error?: ErrorRecord;
  readonly boards: readonly BoardRecord[];
  /** One for each board that was asked for and suite, in the order they began. */
  readonly suites: readonly SuiteRecord[];
  /** Every test of every suite, in the order they began. */
  readonly tests: readonly TestRecord[];
  readonly logs: readonly (Extract<EventBody, { type: 'log' }> & { readonly t: number })[];
}

export interface BoardRecord {
  readonly name: string;
  /** Absent when the board could not be opened. */
  readonly open?: Extract<EventBody, { type: 'board.open' }>;
  readonly boots: number;
  readonly cpuSeconds?: number;
  readonly broken?: ErrorRecord;
  /** Relative to the run folder. */
  readonly consoleFile: string;
  readonly console: readonly ConsoleChunk[];
  readonly epochs: readonly EpochRecord[];
  /** What was done to the board and seen of it, console text apart, in order. */
  readonly timeline: readonly BoardEvent[];
  /** Boots from a slot in their order; empty for a product whose console tells of none. */
  readonly slotBoots: readonly SlotBootRecord[];
}

/** One boot from a slot; texts come from the board. `t` is when its verdict fell. */
export type SlotBootRecord = SlotBoot & { readonly t: number };

/** Bytes `offset` to `offset + length` of the console file had arrived by `t`. */
export interface ConsoleChunk {
  readonly seq: number;
  readonly t: number;
  readonly offset: number;
  readonly length: number;
  readonly epoch: number;
}

export type BoardEvent = Extract<
  RigEvent,
  {
    type:
      | 'power'
      | 'reset'
      | 'link'
      | 'mux'
      | 'edge'
      | 'provision'
      | 'epoch'
      | 'stage'
      | 'console.input'
      | 'shell'
      | 'snapshot'
      | 'slot.boot'
      | 'board.broken'
      | 'log';
  }
>;

export interface EpochRecord {
  readonly epoch: number;
  readonly reason: EpochReason;
  readonly t: number;
  readonly offset: number;
  /** In the order seen; `ms` since the epoch began. */
  readonly stages: readonly { readonly stage: Stage; readonly ms: number; readonly t: number }[];
  /** When the next epoch began, or the power went off, or the run ended. */
  readonly endT: number;
}

export interface SuiteRecord {
  readonly board: string;
  readonly suite: string;
  readonly file?: string;
  /** How many tests were planned; fewer may have begun. */
  readonly planned: number;
  readonly startT: number;
  readonly endT: number;
  readonly tests: readonly TestRecord[];
}

export interface TestRecord {
  /** `board/suite/test`, and ` #3` of a repetition; unique in the run. */
  readonly id: string;
  /** The one that it ran on: perhaps a fork of the suite's. */
  readonly board: string;
  /** The suite's board, where the test ran on a fork that shares its tests. */
  readonly forkOf?: string;
  readonly suite: string;
  readonly name: string;
  readonly repetition?: Repetition;
  readonly verdict: Verdict;
  /** All attempts together. */
  readonly ms: number;
  readonly attempts: readonly AttemptRecord[];
  readonly reason?: string;
  /** Of the last attempt with the test's verdict, or of the last that failed when the test is flaky. */
  readonly error?: ErrorRecord;
}

export interface AttemptRecord {
  readonly attempt: number;
  readonly verdict: Verdict;
  /** Sequence numbers of its first and its last event: what lies between them happened during the attempt. */
  readonly startSeq: number;
  readonly endSeq: number;
  readonly startT: number;
  readonly endT: number;
  readonly ms: number;
  readonly deadlineMs: number;
  readonly from: StartState;
  readonly steps: readonly StepRecord[];
  /** Those outside any step. */
  readonly assertions: readonly AssertionRecord[];
  readonly measures: readonly MeasureRecord[];
  readonly evidence: readonly EvidenceRecord[];
  readonly reason?: string;
  readonly error?: ErrorRecord;
}

export interface StepRecord {
  readonly step: number;
  readonly name: string;
  readonly startSeq: number;
  readonly endSeq?: number;
  readonly startT: number;
  /** Absent: it was under way when the attempt ended. */
  readonly endT?: number;
  readonly ok: boolean;
  readonly error?: ErrorRecord;
  readonly assertions: readonly AssertionRecord[];
  readonly children: readonly StepRecord[];
}

export interface AssertionRecord {
  readonly ok: boolean;
  readonly name: string;
  readonly seq: number;
  readonly t: number;
  readonly diagnostic?: Json;
}

export interface MeasureRecord {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

export interface EvidenceRecord {
  readonly name: string;
  /** Relative to the run folder and inside it. */
  readonly file: string;
}

/** Whether something of the event log happened during an attempt, on whatever board. */
export function isDuring({ seq }: { readonly seq: number }, attempt: AttemptRecord): boolean {
  return seq > attempt.startSeq && seq < attempt.endSeq;
}

/** Byte range of a board's console file that arrived during an attempt. */
export function consoleRange(
  board: BoardRecord,
  attempt: AttemptRecord,
): { readonly start: number; readonly end: number } {
  const chunks = board.console.filter((chunk) => isDuring(chunk, attempt));
  const first = chunks[0];
  const last = chunks.at(-1);
  return first && last ? { start: first.offset, end: last.offset + last.length } : { start: 0, end: 0 };
}

/** The board that was asked for: the test's own may be a fork of it. */
export function boardAskedFor({ board, repetition, forkOf }: TestRecord): string {
  return repetition?.board ?? forkOf ?? board;
}

/** The name of a test, and which repetition it is. */
export function nameOf({ name, repetition }: TestRecord): string {
  return repetition ? `${name} #${repetition.number}` : name;
}

/**
 * The boards of a test: its own, and those that were made for it (`name~2`, …) and had something to tell meanwhile. A fork that
 * ran beside it has tests of its own.
 */
export function boardsOf(run: RunRecord, test: TestRecord): readonly BoardRecord[] {
  const isOthers = (board: BoardRecord): boolean => run.tests.some((other) => other.board === board.name);
  const spoke = (board: BoardRecord): boolean =>
    test.attempts.some((attempt) =>
      [...board.timeline, ...board.console].some((event) => isDuring(event, attempt)),
    );
  return run.boards.filter(
    (board) =>
      board.name === test.board ||
      (board.name.startsWith(`${test.board}~`) && !isOthers(board) && spoke(board)),
  );
}

/** What went wrong with the run itself, beside its tests: it was cut short, or the rig had an error of its own. */
export function runProblem(run: RunRecord): ErrorRecord | undefined {
  if (run.error) return run.error;
  if (!run.truncated) return undefined;
  const planned = run.suites.reduce((sum, suite) => sum + suite.planned, 0);
  return {
    code: 'run.truncated',
    blame: 'rig',
    message: `The run ended before it was done: its log stops after ${run.tests.length} of ${planned} planned tests`,
    hint: 'The rig was killed, or lost its machine or disk; or it is still running. Run it again.',
  };
}
