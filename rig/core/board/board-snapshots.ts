import type { Image } from '../../contracts/board.js';
import type { Cancellable } from '../../contracts/capabilities.js';
import type { SnapshotKey, SnapshotManifest, Snapshots } from '../../contracts/snapshot.js';
import type { Board } from '../../contracts/suite.js';
import { Deadline } from '../../lifetime/deadline.js';
import type { BoardSnapshots } from '../runner/managed-board.js';
import type { Circuit } from './circuit.js';
import { mediumBytesFor } from './medium-size.js';
import { tellGuest } from './restored/tell-guest.js';
import type { BoardShells } from './shells.js';

/** A login over ssh that does not come in this time does not come; the board is saved without it. */
const warmUpMs = 20_000;
/** Services that still start when a shell answers would start again after every restore; one that never ends is not waited for. */
const settleSeconds = 120;
const settle = `command -v systemctl >/dev/null && timeout ${settleSeconds} systemctl is-system-running --wait >/dev/null`;
const tellMs = 10_000;
/** A QEMU that cannot write or read its memory in this time hangs. */
const machineMs = 120_000;

export interface SnapshotParts {
  readonly circuit: Circuit;
  readonly snapshots: Snapshots;
  readonly shells: BoardShells;
  readonly power: Board['power'];
  /** The image is on the medium now. */
  readonly onRestored: (image: Image) => void;
}

/** Snapshots of a board in use: each restore opens a console epoch, and the guest is told what it slept through. */
export class SavedStates implements BoardSnapshots {
  readonly #parts: SnapshotParts;

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
  }

  async key(image: Image): Promise<SnapshotKey> {
    const { circuit, snapshots } = this.#parts;
    const mediumBytes = mediumBytesFor(circuit.session.board.type, image);
    return snapshots.key({ image, mediumBytes, ...circuit.cancellable() });
  }

  async warmUp(): Promise<void> {
    const { shells } = this.#parts;
    await shells.warmUp(settle, { timeoutMs: warmUpMs + settleSeconds * 1000 });
  }

  async save(
    dir: string,
    { state, runDir, ...options }: Cancellable & { state: string; runDir?: string },
  ): Promise<SnapshotManifest> {
    const { snapshots } = this.#parts;
    const began = performance.now();
    using deadline = this.#deadline('save it', options);
    const saved = await snapshots.save(dir, { signal: deadline.signal });
    this.#tell({ action: 'saved', state, ...(runDir === undefined ? {} : { dir: runDir }) }, began);
    return saved;
  }

  async restore(dir: string, { state, image }: { state: string; image: Image }): Promise<void> {
    const { circuit, snapshots, shells, power, onRestored } = this.#parts;
    const began = performance.now();
    await power.off();
    circuit.console?.engine.recover();
    circuit.openEpoch('restore', { running: state !== 'bootloader' });
    const { path, sha256 } = image;
    using deadline = this.#deadline('bring it back');
    const { signal } = deadline;
    const { afterRestore } = await snapshots.restore(dir, { image: { path, sha256 }, signal });
    onRestored(image);
    const { name, type } = circuit.session.board;
    if (state !== 'bootloader') {
      const chore = (command: string, shown: string) => shells.chore(command, { shown, timeoutMs: tellMs });
      await tellGuest({ name, arch: type.arch, chore }, afterRestore);
      circuit.life.note('shell');
    } else circuit.life.note('bootloader');
    this.#tell({ action: 'restored', state }, began);
  }

  #tell(
    done: { readonly action: 'saved' | 'restored'; readonly state: string; readonly dir?: string },
    began: number,
  ): void {
    const { emit, life } = this.#parts.circuit;
    emit({ type: 'snapshot', ...life.place, ...done, ms: Math.round(performance.now() - began) });
  }

  /** Nothing else would end a QEMU that hangs: no test's deadline runs yet. */
  #deadline(toDoWhat: string, options?: Cancellable): Deadline {
    const { circuit } = this.#parts;
    const what = `QEMU of ${circuit.name} to ${toDoWhat}`;
    return new Deadline({ timeoutMs: machineMs * circuit.scale, what, ...circuit.cancellable(options) });
  }
}
