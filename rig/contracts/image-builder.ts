import type { Architecture, Image } from './board.js';
import type { Cancellable } from './capabilities.js';

/** A reference OS to build. Equal requests give images with equal sha256, wherever and whenever they are built. */
export interface BuildRequest {
  readonly flavour: 'tiny' | 'full';
  readonly arch: Architecture;
  /** Name of the reference image for boards that the first one of their architecture does not boot (`image` of a board type). */
  readonly board?: string;
  readonly variant: 'dev' | 'prod';
  readonly version: string;
  /** What is in it besides, in alphabetical order; only the full flavour has any. */
  readonly extras?: readonly ImageExtra[];
  /** A defect that a test plants and then has to find; images of a person have none. */
  readonly plant?: ImagePlant;
}

/**
 * `plain-grubenv` (amd64): the environment is a file on the FAT boot partition, which RAUC's own `grub-editenv` truncates
 * before it writes. `no-count` (arm64): the bootloader never counts a try down.
 */
export type ImagePlant = 'plain-grubenv' | 'no-count';

/** `engine`: a container engine, and a container image that it loads from the disk. */
export type ImageExtra = 'engine';

export interface BuildOptions extends Cancellable {
  /** Where finished images and downloaded packages are kept. */
  readonly cacheDir: string;
  /** Ignore a finished image in the cache (downloaded packages are still used). */
  readonly noCache?: boolean;
  /** Ask the archive for current packages instead of taking those of the last build. */
  readonly refresh?: boolean;
  /** Called with one short line at each step. */
  readonly progress?: (line: string) => void;
}

/** A finished build: the image with its `.bmap`, its manifest and the key that opens ssh on it beside it. */
export interface BuiltImage extends Image {
  readonly bmapPath: string;
  readonly manifestPath: string;
  readonly cached: boolean;
}

/**
 * One fault in the new root of an update: `no-init` has no `/sbin/init`; `panic` panics in early boot; `hang` stops the kernel so that only
 * a hardware watchdog ends it; `engine` has a container engine that does not start; `network` gets no address; `never-good` comes up and is
 * never marked good; `reboot-loop` reboots before it is ready.
 */
export type UpdateFault = 'no-init' | 'panic' | 'hang' | 'engine' | 'network' | 'never-good' | 'reboot-loop';

/** An update for boards that run a reference OS: the root of the image that the request names. */
export interface BundleRequest extends BuildRequest {
  readonly fault?: UpdateFault;
  /** What boards it says it is for; default: those of the image (`boardrig-<board type>`). */
  readonly compatible?: string;
  /** Who signs it: the key whose certificate is in the images of this cache (default), or one that no image knows. */
  readonly signer?: 'image' | 'stranger';
}

/** A finished update: a signed RAUC bundle of the format `verity`. */
export interface BuiltBundle {
  readonly path: string;
  readonly version: string;
  readonly compatible: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly cached: boolean;
}
