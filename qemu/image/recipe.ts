import type { BuildRequest } from '../../rig/contracts/image-builder.js';
import type { Tool, Toolbox } from './toolbox.js';
import type { FileTree } from './tree.js';

/** Sizes of the partitions in MiB, in their order on the disk. FAT32 needs 65525 clusters of at least a sector: 33 MiB. */
export interface Layout {
  readonly boot: number;
  readonly rootA: number;
  readonly rootB: number;
  readonly state: number;
  readonly data: number;
}

/** What a recipe has at hand when it makes the trees. */
export interface Ingredients {
  readonly request: BuildRequest;
  /** The unpacked packages. */
  readonly packages: string;
  /** One line of an `authorized_keys` file. */
  readonly authorizedKey: string;
  /** The certificate that signed bundles are checked against, PEM. */
  readonly certificate: string;
  /** What names the inputs of this build in os-release. */
  readonly revision: string;
  readonly workDir: string;
  readonly tools: Toolbox;
}

/** One flavour of the reference OS for one architecture: what it is made from, and what its partitions hold. */
export interface Recipe {
  /** Name of the board type, in os-release as SLUG. */
  readonly slug: string;
  /** A package without files that depends on the newest kernel. */
  readonly kernelPackage: string;
  readonly packages: readonly string[];
  readonly layoutMiB: Layout;
  /** Of the partition table, where not all 128 have room. */
  readonly tableEntries?: number | undefined;
  /** Programs of this host that it needs. */
  readonly tools: readonly Tool[];
  trees(ingredients: Ingredients): Promise<Contents>;
}

/** What a recipe puts on the disk. */
export interface Contents {
  readonly boot: FileTree;
  readonly root: FileTree;
  /** Bytes between the partition table and the first partition, where bootloaders keep what lies in no file system. */
  readonly sectors?: readonly RawBytes[];
}

export interface RawBytes {
  /** From the start of the disk. */
  readonly offsetBytes: number;
  readonly data: Buffer;
}
