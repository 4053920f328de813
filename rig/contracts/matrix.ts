import type { Tier } from './suite.js';

/** What a night is to run: `matrix.yaml`, checked, with boards and images by name. */
export interface Matrix {
  readonly rows: readonly MatrixRow[];
  readonly exclude: readonly Exclusion[];
  /** How often a board may try a failed test again, and another board one that the rig spoilt. */
  readonly retries: number;
  /** So many flaky tests are let pass; absent: any number. */
  readonly flakyLimit?: number;
  /** From the beginning of the night. */
  readonly deadlineMs?: number;
  readonly host: HostLimits;
  readonly quarantine: readonly Quarantine[];
}

/** Every board of it with every image; the suites of a board and an image share its boots. */
export interface MatrixRow {
  readonly boards: readonly string[];
  readonly images: readonly NamedImage[];
  readonly suites: readonly NamedSuite[];
  readonly tier: Tier;
  /** The higher, the earlier. */
  readonly priority: number;
  /** Of one board with one image. */
  readonly deadlineMs?: number;
}

/** Its name stays from night to night, so that results can be compared; what it refers to may change. */
export interface NamedImage {
  readonly name: string;
  /** As `--image` takes it; absent: the reference image of the board. */
  readonly ref?: string;
}

export interface NamedSuite {
  readonly name: string;
  /** As `rig run` takes it: a name, or an absolute path. */
  readonly ref: string;
}

/** What all of its words fit is not run. */
export interface Exclusion {
  readonly boards?: readonly string[];
  readonly image?: string;
  readonly suite?: string;
}

/** What virtual boards may use together. A board of the desk uses nothing of it. */
export interface HostLimits {
  readonly cpus?: number;
  readonly memoryMiB?: number;
  /** Names of boards of which at most one runs at a time, beside those that are large for the host. */
  readonly heavy: readonly string[];
}

/** A known problem: its test still runs, and its failure is shown, but does not fail the night until the day is over. */
export interface Quarantine {
  readonly boards?: readonly string[];
  readonly image?: string;
  /** `suite/test` */
  readonly test: string;
  readonly reason: string;
  /** A link to whoever works on it. */
  readonly owner: string;
  /** The last day, `2026-12-31`, UTC. */
  readonly expires: string;
  /** Passed in so many nights on end, it is reported for release. */
  readonly releaseAfter: number;
}

/**
 * Its last day is over.
 *
 * @param startedAt when the night began, ISO 8601, UTC
 */
export function isExpired({ expires }: Quarantine, { startedAt }: { readonly startedAt: string }): boolean {
  return startedAt.slice(0, 10) > expires;
}
