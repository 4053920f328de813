import type { FlashOptions, FlashReport } from '../../../flash/flash.js';
import type { Medium } from '../../../flash/medium/medium.js';
import type { PackedSource } from '../../../flash/source/packed-source.js';

/** Flashes one medium; whoever opened it decides what becomes of it after an error. */
export type FlashMedium = (
  medium: Medium,
  source: PackedSource,
  extra?: Pick<FlashOptions, 'hashWhole'>,
) => Promise<FlashReport>;

export interface Flashed {
  readonly report: FlashReport;
  readonly image: string;
  /** The drive, file or board. */
  readonly place: string;
}
