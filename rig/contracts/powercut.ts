import type { Cancellable } from './capabilities.js';

/**
 * What the power-cut explorer is about. An operation on a board was recorded as a log of the writes to its medium. A *crash
 * state* is what the medium may hold when the power goes: the medium before the operation, and some of the writes over it. It is
 * never copied: it is a view. A boot of it reads some sectors; states that agree on all of those boot alike.
 */

/** The smallest piece that a medium writes as a whole; all positions on a medium count in it. */
export const sectorBytes = 512;

/**
 * `ordered`: writes reach the medium in the order in which they completed, and the last one may be torn. `write-back`: the medium has a
 * volatile cache, which it empties in any order between two flushes; a FUA write is past it when it completes. `sd-card`: as `ordered`
 * (cards without a cache end a write when it is programmed), and the page that was being programmed may be erased.
 */
export const mediumModels = ['ordered', 'write-back', 'sd-card'] as const;
export type MediumModel = (typeof mediumModels)[number];

export interface LogEntry {
  /** Its place in the log, from 0. In names of states `w12` is entry 12. */
  readonly number: number;
  readonly kind: 'write' | 'discard' | 'flush' | 'mark';
  /** Where on the medium; 0 and 0 for a flush or a mark. */
  readonly sector: number;
  readonly sectors: number;
  /** All that completed before it is on the medium when it is (true for every `flush`). */
  readonly flush: boolean;
  /** It is on the medium itself when it completes. */
  readonly fua: boolean;
  /** Where the bytes of a write are: an index into `WriteLog.files`, and a byte of that file. */
  readonly file: number;
  readonly offset: number;
}

/** A stretch of the operation, as who recorded it named it (`install`, `first boot`). */
export interface Phase {
  readonly name: string;
  /** The first entry that belongs to it; it ends where the next one begins. */
  readonly from: number;
}

export interface WriteLog {
  /** Logs in the format of dm-log-writes, in order: each QEMU process of the operation wrote one. */
  readonly files: readonly string[];
  /** In the order of completion. */
  readonly entries: readonly LogEntry[];
  readonly phases: readonly Phase[];
  /** A file ends within an entry, as after a kill: what was whole is here. */
  readonly cutShort: boolean;
}

/** What wrote the logs knows of them: the files, and how long each was when a phase began. */
export interface LogFiles {
  readonly files: readonly string[];
  readonly marks: readonly LogMark[];
}

export interface LogMark {
  readonly name: string;
  readonly file: number;
  /** Length of the file when the phase began. */
  readonly bytes: number;
}

/**
 * `boundary`: the medium as a flush left it (of the first epoch: before the operation). `prefix`: the first writes of an epoch, in
 * order. `lost`: all of an epoch but one. `subset`: any other choice. `torn`: a prefix whose last write got no further than a sector.
 */
export const stateKinds = ['boundary', 'prefix', 'lost', 'subset', 'torn'] as const;
export type StateKind = (typeof stateKinds)[number];

/** A state of the medium, as which writes reached it. Equal names are equal states, and the name alone makes it again from the log. */
export interface CrashState {
  /** `e3:boundary`, `e3:prefix:w41`, `e3:lost:w40`, `e3:subset:2d` (bits of the epoch's writes, hexadecimal), `e3:torn:w41+5`. */
  readonly name: string;
  /** From 0: the number of flushes before it. */
  readonly epoch: number;
  readonly kind: StateKind;
  /** Every write and discard before this entry is on the medium. */
  readonly durable: number;
  /** So are these, rising, none before `durable`. */
  readonly kept: readonly number[];
  readonly torn?: TornWrite;
}

export interface TornWrite {
  /** The last of `kept`. */
  readonly entry: number;
  /** So many of its sectors have the new bytes, from its first on. */
  readonly sectors: number;
  /** So many after them read as erased flash (0xff); the rest is as it was. Only of the model `sd-card` more than 0. */
  readonly erased: number;
}

/** How many states there are, and what of them was made. */
export interface EnumerationCount {
  readonly kind: StateKind;
  readonly states: number;
  /** How many the model has, as a decimal number: more than `states` where they were sampled. */
  readonly of: string;
}

/** Epochs whose subsets were sampled, so that nobody takes them for complete. */
export interface SampledEpoch {
  readonly epoch: number;
  readonly writes: number;
  readonly states: number;
  readonly of: string;
  /** How many of all sets of its writes some boot speaks for, those that were not made among them; `all` of them, or a decimal number. */
  readonly settled?: string;
}

export interface Enumeration {
  readonly model: MediumModel;
  readonly seed: number;
  readonly states: readonly CrashState[];
  readonly counts: readonly EnumerationCount[];
  readonly sampled: readonly SampledEpoch[];
  /** Writes of more than one sector that were not torn, since they lie in no region that matters to a boot. */
  readonly notTorn: { readonly writes: number; readonly states: string };
}

/** In the order of danger: what a boot needs first. */
export const regionKinds = [
  'partition-table',
  'bootloader',
  'environment',
  'boot-partition',
  'superblock',
  'journal',
  'metadata',
  'data',
  'slot',
  'unknown',
] as const;
export type RegionKind = (typeof regionKinds)[number];

/** What a stretch of sectors is. Of regions that overlap, the earlier in a list wins. */
export interface Region {
  readonly kind: RegionKind;
  readonly sector: number;
  readonly sectors: number;
  /** For people: `boot partition resin-boot: file /grub/grubenv`, `environment, first copy`. */
  readonly what: string;
  /** GPT name of the partition, or its number; absent outside of partitions. */
  readonly partition?: string;
  /** The file whose content it is, where that is known. */
  readonly file?: string;
}

/** Sectors, as rising stretches that do not touch: pairs of first sector and count, one after the other. */
export type SectorSet = Float64Array;

/**
 * Where the bytes of a view come from: rising stretches that do not overlap. What none of them covers is the base image's, and
 * zeros behind its end.
 */
export interface ViewExtents {
  readonly count: number;
  readonly sector: Float64Array;
  readonly sectors: Float64Array;
  readonly source: Uint8Array;
  /** Of `viewSource.log`: index of the log file, and the byte in it. */
  readonly file: Int32Array;
  readonly offset: Float64Array;
}

export const viewSource = { log: 0, zeros: 1, erased: 2 } as const;

/** A view that QEMU boots from; what the guest writes lies over it, in memory, until `forget`. */
export interface ServedView extends AsyncDisposable {
  readonly socketPath: string;
  readonly sizeBytes: number;
  /** What was read since `forget`, before the guest had written it. */
  readSet(): SectorSet;
  /** Sectors that the guest has written since `forget`. */
  writtenSectors(): number;
  /** Bytes of the medium as the guest left it. */
  readSectors(sector: number, sectors: number): Promise<Uint8Array>;
  /** The view is as new; nobody may be connected. */
  forget(): void;
}

/** The medium of a virtual board as the explorer needs it. Every call needs the board off. */
export interface ExplorableMedium {
  /** From the next power-on on, every write and flush goes into `folder` too, until `end`. */
  logWrites(folder: string, options?: Cancellable): Promise<MediumLog>;
  /** The board boots from what is served at `socketPath`, until an image is provisioned. Nothing of its own is on the medium. */
  bootFrom(view: Pick<ServedView, 'socketPath' | 'sizeBytes'>): Promise<void>;
}

export interface MediumLog {
  /** A phase begins now. The board may be on. */
  mark(name: string): Promise<void>;
  /** Needs the board off: what was not written to the log yet would be missing. */
  end(): Promise<LogFiles>;
}
