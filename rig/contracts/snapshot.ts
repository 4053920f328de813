import type { Cancellable, ImageFile, LinkState } from './capabilities.js';
import { isJsonObject } from './json.js';

/** Version of the folder's format. A reader takes a folder of any other for a miss. */
export const snapshotVersion = 1;

/** The file in a snapshot's folder that says what the others are. */
export const manifestName = 'snapshot.json';

/**
 * Everything that a saved machine depends on, a fact by name: device model, accelerator, QEMU, firmware, image, medium, board
 * file. A machine may be restored only where every fact is equal; `snapshotMiss` compares.
 */
export type SnapshotKey = Readonly<Record<string, string>>;

/** A file of the snapshot's folder. */
export interface SnapshotPart {
  readonly file: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** `snapshot.json`. */
export interface SnapshotManifest {
  readonly version: typeof snapshotVersion;
  /** ISO 8601 UTC; the guest's clock stands at about this time. */
  readonly savedAt: string;
  readonly key: SnapshotKey;
  /** What tells the saved board from others on the inside. */
  readonly identity: { readonly name: string; readonly uuid: string; readonly mac: string };
  readonly link: LinkState;
  /** Memory and devices, as QEMU's migration stream. */
  readonly state: SnapshotPart & { readonly compression: 'none' | 'zstd' };
  /** What the medium holds besides its image; absent on a board without a medium. */
  readonly medium?: SnapshotPart & { readonly image: ImageFile; readonly mediumBytes: number };
  /** UEFI variable store; absent on a board without one. */
  readonly variables?: SnapshotPart;
}

/**
 * What a restored guest does not know, and the rig must tell it before a test sees it.
 *
 * - `clock`: the system clock goes on where it stood at the save: `date -u -s @SECONDS`. (The hardware clock is right.)
 * - `entropy`: all forks of one snapshot would draw the same random numbers: write fresh bytes to `/dev/urandom` and reseed from
 *   them (RNDRESEEDCRNG, random(4)), as root. What a program drew before the save stays drawn.
 * - `identity`: the board goes by another name than the saved one: host name, machine id, host keys are the saved one's.
 *   Its MAC address is too, until the next reset; each virtual board has a network of its own, so nothing collides.
 */
export type UntoldFact = 'clock' | 'entropy' | 'identity';

export interface RestoredSnapshot {
  readonly savedAt: string;
  readonly afterRestore: readonly UntoldFact[];
}

export interface SnapshotKeyOptions extends Cancellable {
  /** As if this image were on the medium; default: the medium as it is. */
  readonly image?: ImageFile;
  /** As in `provision`; only with `image`. */
  readonly mediumBytes?: number;
}

export interface SnapshotRestoreOptions extends Cancellable {
  /** The image, where it lies now (its hash must be the saved one's); default: where it lay when the snapshot was saved. */
  readonly image?: ImageFile;
}

/**
 * A running board as a folder, to be brought back to life there as often as wanted, by any board of the same key. The folder
 * is complete or not there; it needs the image and nothing else.
 */
export interface Snapshots {
  /** What a snapshot of this board depends on here and now; the board may be off. @throws RigError `qemu.firmware-missing` */
  key(options?: SnapshotKeyOptions): Promise<SnapshotKey>;
  /**
   * Stops the guest, saves it as the folder `dir`, which must not be there yet, and lets it go on, also after a failure. While it
   * works, and after this process was killed, a sibling `.NAME.part-PID-…` holds what there is; PID is this process.
   *
   * @throws RigError `snapshot.exists`; `snapshot.not-saved`, `qemu.host-disk-full`: nothing is left of the attempt;
   *   `power.board-off`, `snapshot.board-stopping`; how QEMU ended when it ended meanwhile; the signal's reason
   */
  save(dir: string, options?: Cancellable): Promise<SnapshotManifest>;
  /**
   * Cuts the board if it is on, gives it the saved medium as an overlay (the snapshot is never written), and lets the saved guest
   * go on. Network forwards are there when it resolves; the snapshot may be removed from then on.
   *
   * @throws RigError `snapshot.missing`, `snapshot.corrupt` and `snapshot.other-key`: the board is as it was, and the caller
   *   may boot cold instead; `snapshot.not-loaded`: the same, but the board is off and its medium unknown; the signal's reason
   */
  restore(dir: string, options?: SnapshotRestoreOptions): Promise<RestoredSnapshot>;
}

/** @returns undefined for a text that is no manifest of this version */
export function parseManifest(text: string): SnapshotManifest | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isJsonObject(value) || value.version !== snapshotVersion) return undefined;
  const { key, identity, state, medium, variables } = value;
  const whole =
    hasTexts(value, ['savedAt', 'link']) &&
    isJsonObject(key) &&
    hasTexts(key, Object.keys(key)) &&
    isJsonObject(identity) &&
    hasTexts(identity, ['name', 'uuid', 'mac']) &&
    isPart(state) &&
    hasTexts(state, ['compression']) &&
    (variables === undefined || isPart(variables)) &&
    (medium === undefined ||
      (isPart(medium) && isJsonObject(medium.image) && hasTexts(medium.image, ['path', 'sha256'])));
  return whole ? (value as unknown as SnapshotManifest) : undefined;
}

type Fields = Readonly<Record<string, unknown>>;

function hasTexts(value: Fields, names: readonly string[]): boolean {
  return names.every((name) => typeof value[name] === 'string');
}

function isPart(value: unknown): value is Fields {
  return isJsonObject(value) && hasTexts(value, ['file', 'sha256']) && typeof value.sizeBytes === 'number';
}

const shownLength = 120;

/** Why a snapshot of key `saved` is no snapshot of a board of key `wanted`, one line a fact; empty when it is. */
export function snapshotMiss(saved: SnapshotKey, wanted: SnapshotKey): string[] {
  const names = [...new Set([...Object.keys(wanted), ...Object.keys(saved)])].sort();
  return names
    .filter((name) => saved[name] !== wanted[name])
    .map((name) => {
      const [was, is] = fromFirstDifference(saved[name], wanted[name]);
      return `${name} was ${was} and is ${is}`;
    });
}

/** Long values from the word on where they part. */
function fromFirstDifference(saved: string | undefined, wanted: string | undefined): [string, string] {
  const show = (value: string | undefined, from: number): string => {
    if (value === undefined) return 'not told';
    const tail = `${from > 0 ? '…' : ''}${value.slice(from)}`.replaceAll(/[0-9a-f]{64}/g, (hash) =>
      hash.slice(0, 12),
    );
    return JSON.stringify(tail.length > shownLength ? `${tail.slice(0, shownLength)}…` : tail);
  };
  if (saved === undefined || wanted === undefined || Math.max(saved.length, wanted.length) <= shownLength)
    return [show(saved, 0), show(wanted, 0)];
  let same = 0;
  while (same < saved.length && saved[same] === wanted[same]) same += 1;
  const from = saved.lastIndexOf(' ', same) + 1;
  return [show(saved, from), show(wanted, from)];
}
