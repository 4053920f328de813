import type {
  CrashState,
  Enumeration,
  EnumerationCount,
  MediumModel,
  Phase,
  RegionKind,
  SampledEpoch,
  StateKind,
} from './powercut.js';

/** `recovered`: old or new, but not at the first try. */
export const outcomes = ['old', 'new', 'recovered', 'dataLost', 'bricked'] as const;
export type Outcome = (typeof outcomes)[number];

/**
 * How a board is bricked. `reset-loop`, `hang`, `no-slot`: it never comes up. `unhealthy`: it does, and cannot do its work; `no-update`: it
 * works, and takes no update any more.
 */
export const bricks = ['reset-loop', 'hang', 'no-slot', 'unhealthy', 'no-update'] as const;
export type Brick = (typeof bricks)[number];

export interface Verdict {
  readonly outcome: Outcome;
  /** Slot and version that came up, where one did. */
  readonly slot?: string;
  readonly version?: string;
  /** Boots until it came up; 1 is the first. */
  readonly tries?: number;
  /** Of a brick. */
  readonly brick?: Brick;
  /** One sentence: the evidence. */
  readonly why: string;
  /** `boot`: up to the bootloader's word; `full`: until the board was healthy; `settled`: by a boot of another state. */
  readonly by: 'boot' | 'full' | 'settled';
  /** The state whose boot settled this one. */
  readonly settledBy?: string;
}

/** The smallest set of writes that still bricks, and what they are. */
export interface Counterexample {
  /** The state as it was found, and as it was shrunk. */
  readonly state: string;
  readonly shrunk: CrashState;
  readonly verdict: Verdict;
  /** `kept`: the brick needs these writes on the medium; `lost`: it needs these to be missing. */
  readonly because: 'kept' | 'lost';
  readonly writes: readonly ExplainedWrite[];
  /** Boots that shrinking took. */
  readonly tried: number;
  /** The file that makes it again, relative to the certificate. */
  readonly replay?: string;
}

export interface ExplainedWrite {
  readonly entry: number;
  readonly sector: number;
  readonly sectors: number;
  readonly bytes: number;
  readonly phase: string;
  readonly epoch: number;
  readonly what: string;
  readonly regions: readonly RegionKind[];
  /** Of a torn write: the sectors that got through. */
  readonly keptSectors?: number;
}

/** What was proven, as JSON: the HTML page and the JUnit file are made from it alone. */
export interface Certificate {
  readonly format: 'boardrig-powercut/1';
  readonly operation: string;
  readonly board: { readonly name: string; readonly type: string };
  /** The medium before the operation. */
  readonly base: { readonly sha256: string; readonly sizeBytes: number; readonly version?: string };
  /** `physical`: a real medium, whatever it does; then its states are cuts, and places and phases count in tenths of a second. */
  readonly model: MediumModel | 'physical';
  readonly seed: number;
  readonly log: {
    readonly writes: number;
    readonly flushes: number;
    readonly discards: number;
    readonly bytes: number;
    readonly epochs: number;
    /** It ends within an entry, as after a kill: what was written then is in no state. */
    readonly cutShort?: true;
  };
  readonly phases: readonly Phase[];
  readonly counts: readonly EnumerationCount[];
  readonly sampled: readonly SampledEpoch[];
  readonly notTorn: Enumeration['notTorn'];
  /** States, those that some boot tells apart, boots made, and states that a boot of another one settled. */
  readonly states: number;
  readonly distinct: number;
  readonly booted: number;
  readonly settledStatically: number;
  /** Host CPU seconds of the boards, by what they were booted for: the bootloader's word, the full judgement, the check of settled states. */
  readonly spent: readonly {
    readonly tier: 'boot' | 'full' | 'check';
    readonly boots: number;
    readonly cpuSeconds: number;
  }[];
  /** States of which the bootloader's word is known, and those that it tells apart; absent of cuts on a physical board. */
  readonly toldByBootloader?: { readonly states: number; readonly distinct: number };
  /** States settled without a boot that were booted all the same, and how many of them came out otherwise. */
  readonly checked: { readonly states: number; readonly disagreed: readonly string[] };
  readonly verdicts: Readonly<Record<Outcome, number>>;
  /** States without a verdict, since the budget ended. */
  readonly left: number;
  /** On the wall. */
  readonly seconds: number;
  /** In the order of the log. */
  readonly judged: readonly JudgedState[];
  readonly counterexamples: readonly Counterexample[];
}

export interface JudgedState {
  readonly state: string;
  readonly kind: StateKind | 'cut';
  readonly epoch: number;
  /** Place on the time line of the writes: the last entry that is on the medium, -1 before the first. */
  readonly entry: number;
  readonly verdict?: Verdict;
}

/** A crash state in a small file: what its boot reads and the base image does not hold. */
export interface ReplayFile {
  readonly format: 'boardrig-powercut-replay/1';
  readonly operation: string;
  readonly board: string;
  readonly state: CrashState;
  readonly verdict: Verdict;
  readonly explained: readonly ExplainedWrite[];
  /** The image that lies under it, by its content, and the size of the medium. */
  readonly base: { readonly sha256: string; readonly mediumBytes: number };
  /** `read`: only sectors that the boot read are in it; `all`: every one that differs. */
  readonly holds: 'read' | 'all';
  readonly pieces: readonly ReplayPiece[];
}

export interface ReplayPiece {
  readonly sector: number;
  readonly sectors: number;
  /** The bytes, compressed by raw deflate (RFC 1951), as base64. */
  readonly deflated: string;
}
