import type { ErrorRecord } from './errors.js';
import type { HostLimits, Quarantine } from './matrix.js';
import type { Tier } from './suite.js';
import type { Verdict, VerdictCounts } from './verdict.js';

/** What a night was to do, fixed when it began: a resumed night does the rest of it. */
export interface NightPlan {
  readonly v: 1;
  readonly night: string;
  /** ISO 8601 UTC. */
  readonly startedAt: string;
  readonly argv: readonly string[];
  readonly labFile?: string;
  readonly seed: number;
  readonly retries: number;
  readonly flakyLimit?: number;
  readonly deadlineMs?: number;
  readonly shard?: { readonly index: number; readonly of: number };
  readonly host: HostLimits & { readonly name: string; readonly cpus: number; readonly memoryMiB: number };
  /** The most valuable first. */
  readonly jobs: readonly NightJob[];
  readonly quarantine: readonly PlannedQuarantine[];
}

export interface PlannedQuarantine extends Quarantine {
  /** How often its test is in the whole matrix, on each board and with each image once: a shard, or what was asked for, may have fewer. */
  readonly places: number;
}

/** One board with one image: one run, whose suites share its boots. */
export interface NightJob {
  /** `virt-arm64.default`; a folder is named so. */
  readonly id: string;
  readonly board: string;
  readonly boardType: string;
  readonly virtual: boolean;
  /** Boards of the matrix of the same type, which may try again what the rig spoilt on this one. */
  readonly others: readonly string[];
  readonly image: string;
  readonly imageRef?: string;
  /** As `rig run` takes them. */
  readonly suites: readonly string[];
  readonly tier: Tier;
  readonly priority: number;
  readonly deadlineMs?: number;
  readonly cost: JobCost;
  /** What its tests took of late; absent: not known. */
  readonly usualMs?: number;
  readonly tests: readonly NightTest[];
}

/** What a job takes of the host while it runs. */
export interface JobCost {
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly heavy: boolean;
}

export interface NightTest {
  readonly suite: string;
  readonly name: string;
}

/** What a night came to, as `night.json` and its page tell. Texts come from boards and suites: whoever prints them makes them harmless. */
export interface NightReport {
  readonly plan: NightPlan;
  /** Until the last attempt ended, pauses of an interrupted night included. */
  readonly durationMs: number;
  /** CPU time of the rig itself: of its processes and programs without the boards. Absent where several processes ran the night. */
  readonly rigCpuSeconds?: number;
  readonly exitCode: number;
  /** The signal that ended it. */
  readonly signal?: string;
  readonly counts: VerdictCounts;
  /** Of `counts`: failed or flaky, and quarantined. */
  readonly excused: number;
  readonly boards: readonly NightBoard[];
  readonly jobs: readonly JobResult[];
  /** What to look at, what is new first. */
  readonly failures: readonly NightFailure[];
  readonly quarantine: readonly QuarantineState[];
  readonly slowerStages: readonly SlowerStage[];
  /** Quarantines of no test of this night and the like, one sentence each. */
  readonly notes: readonly string[];
}

export interface NightBoard {
  readonly name: string;
  readonly type: string;
  readonly virtual: boolean;
  /** Why it went offline. */
  readonly offline?: string;
}

export interface JobResult {
  readonly id: string;
  readonly board: string;
  readonly image: string;
  readonly attempts: readonly JobAttempt[];
  readonly suites: readonly SuiteCell[];
}

/** One run of what was left of a job. Times since the night began. */
export interface JobAttempt {
  readonly attempt: number;
  readonly board: string;
  /** Of its run, relative to the folder of the night. */
  readonly dir: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly boots: number;
  readonly boardCpuSeconds: number;
  /** Its log has no end: it was killed. */
  readonly truncated: boolean;
}

export interface SuiteCell {
  readonly suite: string;
  readonly verdict: Verdict;
  readonly counts: VerdictCounts;
  /** Its failures are all quarantined. */
  readonly excused: boolean;
  readonly ms: number;
  /** Earlier nights, the oldest first. */
  readonly trend: readonly TrendPoint[];
  readonly tests: readonly NightResult[];
}

export interface TrendPoint {
  readonly night: string;
  readonly verdict: Verdict;
  readonly passed: number;
  readonly of: number;
  readonly ms: number;
}

export interface NightResult extends NightTest {
  readonly verdict: Verdict;
  readonly ms: number;
  /** The run that decided, and its test there: `jobs/x/1`, `board/suite/test`. */
  readonly dir?: string;
  readonly id?: string;
  readonly error?: ErrorRecord;
  readonly reason?: string;
  readonly quarantine?: Quarantine;
}

export interface NightFailure extends NightResult {
  readonly board: string;
  readonly image: string;
  /** It did not fail the last time that it came to a verdict, or never ran before. */
  readonly isNew: boolean;
  /** When it last passed, ISO 8601 UTC. */
  readonly lastGood?: string;
  /** The end of what the console said meanwhile. */
  readonly console?: string;
}

export interface QuarantineState extends PlannedQuarantine {
  readonly state: 'failing' | 'passing' | 'not run' | 'expired';
  /** How many nights on end it has passed. */
  readonly passedNights: number;
  /** It passed often enough, tonight in every place that it is for. */
  readonly release: boolean;
}

/** A stage of the boot that comes later than it used to. */
export interface SlowerStage {
  readonly board: string;
  readonly stage: string;
  readonly medianMs: number;
  readonly medianBeforeMs: number;
  readonly boots: number;
  readonly bootsBefore: number;
  /** Of the rank test, multiplied by the number of stages that were tested (Bonferroni). */
  readonly p: number;
}
