import type { Architecture, Image } from './board.js';
import type { Cancellable } from './capabilities.js';

/** A reference OS to build. Equal requests give images with equal sha256, wherever and whenever they are built. */
export interface BuildRequest {
  readonly flavour: 'tiny' | 'full';
  readonly arch: Extract<Architecture, 'arm64' | 'amd64'>;
  readonly variant: 'dev' | 'prod';
  readonly version: string;
  /** What is in it besides, in alphabetical order; only the full flavour has any. */
  readonly extras?: readonly ImageExtra[];
}

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
