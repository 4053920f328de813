import type { Stage } from './board.js';
import type { LinkState, PowerState } from './capabilities.js';
import type { ErrorRecord, Json } from './errors.js';
import type { StartState } from './suite.js';
import type { Verdict, VerdictCounts } from './verdict.js';

/** Version of the event format. A reader refuses a higher one. */
export const eventVersion = 1;

/** What every line of `events.ndjson` begins with. */
export interface EventHead {
  readonly v: typeof eventVersion;
  /** Counts from 0 without a gap. */
  readonly seq: number;
  /** Milliseconds since the run began, monotonic. */
  readonly t: number;
  /** Wall clock, ISO 8601 UTC. */
  readonly wall: string;
}

/** Where in a board's life an event belongs. `epoch` counts power-ons, resets and restores, `attempt` retries, both from 1. */
export interface BoardPlace {
  readonly board: string;
  readonly epoch: number;
}

/** How an epoch began. `restore`: a saved machine went on, so that no boot is to be seen. */
export type EpochReason = 'power-on' | 'reset' | 'restore';

/** One test on one board: `id` is `board/suite/test`, unique in a run; attempts repeat it. */
export interface TestPlace {
  readonly id: string;
  readonly board: string;
  readonly attempt: number;
}

export interface RunStart {
  readonly type: 'run.start';
  readonly run: string;
  readonly argv: readonly string[];
  readonly rig: { readonly version: string; readonly revision: string | null };
  readonly host: {
    readonly name: string;
    readonly cpus: number;
    readonly node: string;
    /** Deadlines of virtual boards were multiplied by this; 1 on a host of reference speed or faster. */
    readonly speedFactor: number;
  };
  readonly seed: number;
}

export type EventBody =
  | RunStart
  | {
      readonly type: 'run.end';
      readonly counts: VerdictCounts;
      readonly exitCode: number;
      readonly signal?: 'SIGINT' | 'SIGTERM' | 'SIGHUP';
      readonly error?: ErrorRecord;
    }
  | {
      readonly type: 'board.open';
      readonly board: string;
      readonly boardType: string;
      readonly profile: string;
      readonly virtual: boolean;
      readonly drivers: readonly { readonly name: string; readonly version: string }[];
      readonly image?: {
        readonly path: string;
        readonly sha256: string;
        readonly version?: string;
        readonly variant?: string;
      };
    }
  | {
      readonly type: 'board.close';
      readonly board: string;
      readonly cpuSeconds?: number;
      readonly boots: number;
    }
  | { readonly type: 'board.broken'; readonly board: string; readonly error: ErrorRecord }
  | ({ readonly type: 'power'; readonly state: PowerState; readonly cause: 'rig' | 'board' } & BoardPlace)
  | ({ readonly type: 'reset'; readonly cause: 'rig' | 'board' } & BoardPlace)
  | ({ readonly type: 'link'; readonly state: LinkState } & BoardPlace)
  /** A new epoch begins at byte `offset` of `console/<board>.raw`. */
  | ({ readonly type: 'epoch'; readonly reason: EpochReason; readonly offset: number } & BoardPlace)
  /** A running board was saved, or brought back; `state` says which: `shell`, `bootloader`, `failure`, `step 3`. */
  | ({
      readonly type: 'snapshot';
      readonly action: 'saved' | 'restored';
      readonly state: string;
      readonly ms: number;
      /** Of one that belongs to the run: its folder, relative to the run folder. */
      readonly dir?: string;
    } & BoardPlace)
  /** A stage was reached; `ms` since the epoch began; `offset` is that of the console text which showed it. */
  | ({
      readonly type: 'stage';
      readonly stage: Stage;
      readonly ms: number;
      readonly offset?: number;
    } & BoardPlace)
  /** Bytes `offset` to `offset + length` of `console/<board>.raw` had arrived by `t`; consecutive, without a gap. */
  | ({ readonly type: 'console'; readonly offset: number; readonly length: number } & BoardPlace)
  /** What the rig typed; secrets masked. */
  | ({ readonly type: 'console.input'; readonly text: string } & BoardPlace)
  | ({
      readonly type: 'shell';
      readonly via: 'ssh' | 'console';
      readonly command: string;
      readonly exitCode: number | null;
      readonly ms: number;
    } & BoardPlace)
  | {
      readonly type: 'suite.start';
      readonly suite: string;
      readonly board: string;
      readonly file?: string;
      readonly tests: number;
    }
  | { readonly type: 'suite.end'; readonly suite: string; readonly board: string }
  | ({
      readonly type: 'test.start';
      readonly suite: string;
      readonly name: string;
      readonly deadlineMs: number;
      readonly from: StartState;
    } & TestPlace)
  | ({
      readonly type: 'step.start';
      readonly step: number;
      readonly parent?: number;
      readonly name: string;
    } & TestPlace)
  | ({
      readonly type: 'step.end';
      readonly step: number;
      readonly ok: boolean;
      readonly error?: ErrorRecord;
    } & TestPlace)
  | ({
      readonly type: 'assert';
      readonly ok: boolean;
      readonly name: string;
      readonly step?: number;
      readonly diagnostic?: Json;
    } & TestPlace)
  | ({
      readonly type: 'measure';
      readonly name: string;
      readonly value: number;
      readonly unit: string;
    } & TestPlace)
  /** Evidence gathered after a failure: `file` is relative to the run folder. */
  | ({ readonly type: 'evidence'; readonly name: string; readonly file: string } & TestPlace)
  /** One attempt ended. The last attempt's event also carries the test's final verdict in `final`. */
  | ({
      readonly type: 'test.end';
      readonly suite: string;
      readonly name: string;
      readonly verdict: Verdict;
      readonly final?: Verdict;
      readonly ms: number;
      /** Why it was skipped or blocked. */
      readonly reason?: string;
      readonly error?: ErrorRecord;
    } & TestPlace)
  | {
      readonly type: 'log';
      readonly level: 'info' | 'warning';
      readonly message: string;
      readonly board?: string;
    };

/** One line of `events.ndjson`. */
export type RigEvent = EventHead & EventBody;
