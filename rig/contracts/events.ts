import type { Image, Stage } from './board.js';
import type { CapabilityName, GpioEdge, LinkState, MuxSide, PowerState } from './capabilities.js';
import type { ErrorRecord, Json } from './errors.js';
import type { StartState } from './suite.js';
import type { SlotBoot } from './update.js';
import type { Verdict, VerdictCounts } from './verdict.js';

/** How `console.input` tells of a BREAK, which is no byte. */
export const breakShown = '<BREAK>';

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

/** One test on one board: `id` is `board/suite/test`, with ` #3` where the run repeats it; unique in a run. Attempts share it. */
export interface TestPlace {
  readonly id: string;
  readonly board: string;
  readonly attempt: number;
}

/** Which time it is that a test runs, in a run that repeats it. */
export interface Repetition {
  /** The test's id without its number. */
  readonly of: string;
  /** The board that was asked for; `TestPlace.board` may be a fork of it. */
  readonly board: string;
  /** From 1. */
  readonly number: number;
  /** In place of the run's: a run with this seed does what this repetition did. */
  readonly seed: number;
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
  /** The night that it is part of. */
  readonly night?: string;
  /** What the image is called from run to run. */
  readonly imageName?: string;
}

/** What the log tells of an image; its file may be gone when the log is read. */
export type ImageFacts = Pick<Image, 'path' | 'sha256' | 'version' | 'variant'> &
  Partial<Pick<Image, 'sizeBytes' | 'arch'>>;

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
      /** Why nobody can vouch for the board type; absent for one that was run on a board. */
      readonly untested?: string;
      readonly profile: string;
      readonly virtual: boolean;
      readonly drivers: readonly { readonly name: string; readonly version: string }[];
      /** What it can be asked to do; older runs do not tell. */
      readonly capabilities?: readonly CapabilityName[];
      readonly image?: ImageFacts;
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
  | ({ readonly type: 'mux'; readonly side: MuxSide } & BoardPlace)
  /** A watched line of the board changed. */
  | ({ readonly type: 'edge'; readonly line: string } & GpioEdge & BoardPlace)
  /** One step of putting an image on the board: `step` of `steps`, from 1. An end without `error` is a good one. */
  | ({
      readonly type: 'provision';
      readonly method: string;
      readonly step: number;
      readonly steps: number;
      readonly what: string;
      readonly phase: 'start' | 'end';
      readonly ms?: number;
      readonly error?: ErrorRecord;
    } & BoardPlace)
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
  /** What came of a boot from a slot: told when its verdict falls, or when it is over without one. */
  | ({ readonly type: 'slot.boot' } & SlotBoot & BoardPlace)
  /** Bytes `offset` to `offset + length` of `console/<board>.raw` had arrived by `t`; consecutive, without a gap. */
  | ({ readonly type: 'console'; readonly offset: number; readonly length: number } & BoardPlace)
  /** What the rig typed, a BREAK as `breakShown`; secrets masked. `by` is absent where the rig itself typed: a login, a framed command. */
  | ({ readonly type: 'console.input'; readonly text: string; readonly by?: 'suite' } & BoardPlace)
  /**
   * A wait of the suite on the console ended: at bytes `start` to `end` of the log, or with the code of an error; with neither, the panic or
   * reset came that was awaited.
   */
  | ({
      readonly type: 'console.wait';
      readonly patterns: string;
      readonly start?: number;
      readonly end?: number;
      readonly code?: string;
      readonly ms: number;
    } & BoardPlace)
  /** The board was asked something; the answer follows, with the same number (from 1, unique on its board). */
  | ({ readonly type: 'ask'; readonly call: number } & BoardPlace)
  /**
   * A command was answered, or not (`exitCode` null, then with the error). What it printed is masked; where that is more than
   * 64 KiB it is in `outputFile` instead, relative to the run folder: JSON of both streams. Older runs have no output.
   */
  | ({
      readonly type: 'shell';
      readonly via: 'ssh' | 'console';
      readonly command: string;
      readonly exitCode: number | null;
      readonly ms: number;
      readonly call?: number;
      readonly stdout?: string;
      readonly stderr?: string;
      readonly outputFile?: string;
      readonly error?: ErrorRecord;
    } & BoardPlace)
  /** Whether the board's ssh server let its user in this way; `accepted` null: no server answered. */
  | ({
      readonly type: 'ssh.login';
      readonly method: 'none' | 'password' | 'key';
      readonly accepted: boolean | null;
      readonly ms: number;
      readonly call: number;
      readonly error?: ErrorRecord;
    } & BoardPlace)
  /**
   * What a suite read from the rig, or through it from this host, and what it got: a value (masked; absent: none) or an error.
   * A value of more than 64 KiB is in `outputFile`, relative to the run folder.
   */
  | ({
      readonly type: 'observation';
      readonly what: string;
      readonly value?: Json;
      readonly outputFile?: string;
      readonly error?: ErrorRecord;
      readonly ms: number;
    } & BoardPlace)
  /** A server of the test was asked; `server` counts the servers of the attempt from 1. */
  | ({
      readonly type: 'host.request';
      readonly server: number;
      readonly path: string;
      readonly from: string;
    } & TestPlace)
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
      /** The board that was asked for, where this one is a fork of it that shares its tests. */
      readonly forkOf?: string;
      readonly repetition?: Repetition;
    } & TestPlace)
  /** The start state is reached with `image` on the medium, and the body begins; or it is over, and what follows is the rig's own doing. */
  | ({ readonly type: 'test.body'; readonly phase: 'begin' | 'end'; readonly image?: ImageFacts } & TestPlace)
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
