import type { BootFiles, Cancellable, Drive, ImageFile } from './capabilities.js';

/** Puts images on media; the composition root gives the flash engine to what needs one. */
export interface MediumWriter {
  /**
   * Writes `image` and reads it back: it resolves only when the drive holds what it must.
   *
   * @throws RigError `flash.…`; the signal's reason. The drive holds half an image then
   */
  write(image: ImageFile, drive: Drive, options?: WriteMediumOptions): Promise<WrittenMedium>;
  /** Reads back what `image` maps, and writes nothing. @throws RigError `flash.read-back-differs`; the signal's reason */
  verify(image: ImageFile, drive: Drive, options?: Cancellable): Promise<void>;
  /**
   * Serves the flasher image `image` to a board that boots it from the network and writes its own medium.
   *
   * @throws RigError `image.not-a-flasher` (blame: config), `image.…`; the signal's reason
   */
  serve(image: ImageFile, options: ServeOptions): Promise<ServedFlasher>;
}

export interface ServeOptions extends Cancellable {
  /** Address of this host on which the board finds it. */
  readonly bindAddress: string;
}

/** Until it is disposed. */
export interface ServedFlasher extends AsyncDisposable {
  /** What the board's firmware loads; the rest the flasher itself asks for. */
  readonly files: BootFiles;
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
