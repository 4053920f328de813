import type { Cancellable, Drive, ImageFile } from './capabilities.js';

/** Puts images on drives; the composition root gives the flash engine to what needs one. */
export interface MediumWriter {
  /**
   * Writes `image` and reads it back: it resolves only when the drive holds what it must.
   *
   * @throws RigError `flash.…`; the signal's reason. The drive holds half an image then
   */
  write(image: ImageFile, drive: Drive, options?: WriteMediumOptions): Promise<WrittenMedium>;
  /** Reads back what `image` maps, and writes nothing. @throws RigError `flash.read-back-differs`; the signal's reason */
  verify(image: ImageFile, drive: Drive, options?: Cancellable): Promise<void>;
}

export interface WriteMediumOptions extends Cancellable {
  /** Leaves alone what is on the drive already. */
  readonly delta?: boolean;
}

export interface WrittenMedium {
  /** What the image maps. */
  readonly mappedBytes: number;
  /** What of it had to be written. */
  readonly writtenBytes: number;
}
