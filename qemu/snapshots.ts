import { constants, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MachineSpec } from '../rig/contracts/board.js';
import type { Cancellable, ImageFile, LinkState } from '../rig/contracts/capabilities.js';
import { messageOf, RigError } from '../rig/contracts/errors.js';
import {
  type RestoredSnapshot,
  type SnapshotKey,
  type SnapshotKeyOptions,
  type SnapshotManifest,
  type SnapshotRestoreOptions,
  type Snapshots,
  snapshotMiss,
  snapshotVersion,
  type UntoldFact,
} from '../rig/contracts/snapshot.js';
import { withTimeout } from '../rig/lifetime/deadline.js';
import { findExecutable } from '../rig/lifetime/find-executable.js';
import { type Disk, mediumSize } from './disk.js';
import { replaceUefiVariables, uefiVariables } from './firmware.js';
import { hostDiskFull } from './host-errors.js';
import type { Identity } from './identity.js';
import type { Machine } from './machine.js';
import { bestCompression, loadState, saveState } from './migration.js';
import { boardStopping, unnamedMedium } from './refusals.js';
import { finishPart, makeSnapshot, openSnapshot } from './snapshot-folder.js';
import { type KeyFacts, snapshotKey } from './snapshot-key.js';

/** What a board lends to its snapshots. */
export interface SnapshotBoard {
  readonly facts: Omit<KeyFacts, 'medium' | 'signal'>;
  /** By its name. */
  readonly identity: Identity;
  /** What it is since it was last powered on or restored. */
  livesAs(): Identity;
  readonly stateDir: string;
  readonly disk: Disk;
  /** One change of the board at a time. */
  exclusive<T>(act: (signal: AbortSignal) => Promise<T>, options?: Cancellable): Promise<T>;
  /** @throws RigError `power.board-off` */
  running(toDoWhat: string): Machine;
  link(): LinkState;
  powerOff(options: Cancellable): Promise<void>;
  /**
   * Starts a stopped machine with the link and the identity as they were, has it filled by `load`, and lets it go on. QEMU's network
   * knows the saved address of the card (MAC); a reset gives the card the one that its QEMU was started with, and another one gets
   * another lease, which no forwarded port leads to.
   */
  wake(
    link: LinkState,
    options: Cancellable & { readonly identity: Identity; load(machine: Machine): Promise<void> },
  ): Promise<void>;
}

/** A QEMU that does not obey in this time hangs. */
const goOnMs = 10_000;
const mediumFile = 'medium.qcow2';
const variablesFile = 'uefi-variables.fd';

export class VirtualSnapshots implements Snapshots {
  readonly #board: SnapshotBoard;

  constructor(board: SnapshotBoard) {
    this.#board = board;
  }

  async key({ image, mediumBytes, signal }: SnapshotKeyOptions = {}): Promise<SnapshotKey> {
    const { disk, facts } = this.#board;
    const medium = image
      ? { sha256: image.sha256, sizeBytes: await mediumSize(image, { mediumBytes }) }
      : disk.content;
    return snapshotKey({ ...facts, medium, signal });
  }

  async save(dir: string, options: Cancellable = {}): Promise<SnapshotManifest> {
    return this.#board.exclusive(async (signal) => {
      const machine = this.#board.running('save it');
      // A snapshot needs its image and nothing else: a medium that the rig wrote by itself has none.
      if (this.#board.disk.file !== undefined && !this.#board.disk.content) throw unnamedMedium();
      const key = await this.key({ signal });
      return makeSnapshot(dir, (folder) => this.#save(machine, { key, folder, signal }));
    }, options);
  }

  async restore(dir: string, options: SnapshotRestoreOptions = {}): Promise<RestoredSnapshot> {
    return this.#board.exclusive((signal) => this.#restore(dir, { ...options, signal }), options);
  }

  async #save(
    machine: Machine,
    { key, folder, signal }: { key: SnapshotKey; folder: string; signal: AbortSignal },
  ): Promise<SnapshotManifest> {
    const { disk, facts, stateDir } = this.#board;
    const { boot } = facts.spec;
    const compression = bestCompression();
    const stateFile = compression === 'zstd' ? 'machine.zst' : 'machine.raw';
    const medium = disk.content;
    const savedAt = new Date().toISOString();
    await this.#whileStopped(machine, signal, async () => {
      try {
        await saveState(machine, join(folder, stateFile), { compression, signal });
        if (medium) await disk.copyOverlay(join(folder, mediumFile), { signal });
        if (boot.kind === 'uefi') {
          const path = await uefiVariables(stateDir, boot.variables);
          await copyFile(path, join(folder, variablesFile), constants.COPYFILE_FICLONE);
        }
      } catch (error) {
        throw await notSaved(folder, error);
      }
    });
    const part = (file: string) => finishPart(folder, file, { signal });
    return {
      version: snapshotVersion,
      savedAt,
      key,
      identity: this.#board.livesAs(),
      link: this.#board.link(),
      state: { ...(await part(stateFile)), compression },
      ...(medium
        ? { medium: { ...(await part(mediumFile)), image: medium, mediumBytes: medium.sizeBytes } }
        : {}),
      ...(boot.kind === 'uefi' ? { variables: await part(variablesFile) } : {}),
    };
  }

  /** Whatever `act` comes to, the guest goes on; one that cannot would stand still for ever, and is lost. */
  async #whileStopped(machine: Machine, signal: AbortSignal, act: () => Promise<void>): Promise<void> {
    try {
      await machine.stop({ signal });
      if (machine.stoppedFor) throw boardStopping(machine.stoppedFor);
      await act();
    } finally {
      // What the guest asked for is carried out after us, from the stop.
      if (!machine.stoppedFor) await this.#goOn(machine);
    }
  }

  async #goOn(machine: Machine): Promise<void> {
    try {
      const what = 'QEMU to let the saved board go on';
      await withTimeout((signal) => machine.cont({ signal }), { timeoutMs: goOnMs, what });
    } catch (error) {
      await machine.lose(error as RigError);
      throw error;
    }
  }

  async #restore(
    dir: string,
    { image, signal }: { image?: ImageFile | undefined; signal: AbortSignal },
  ): Promise<RestoredSnapshot> {
    const { disk, identity, stateDir } = this.#board;
    const manifest = await openSnapshot(dir, { signal });
    const { state, medium, variables } = manifest;
    const base = medium && (image ?? medium.image);
    const wanted = await this.key({
      signal,
      ...(base ? { image: base, mediumBytes: medium.mediumBytes } : {}),
    });
    const reasons = snapshotMiss(manifest.key, wanted);
    if (state.compression === 'zstd' && !findExecutable('zstd'))
      reasons.push('it is packed by zstd, which this host lacks');
    if (reasons.length > 0) throw otherKey(dir, reasons);

    await this.#board.powerOff({ signal });
    try {
      if (base)
        await disk.fork(join(dir, medium.file), { image: base, mediumBytes: medium.mediumBytes, signal });
      if (variables) await replaceUefiVariables(stateDir, join(dir, variables.file));
      const load = (machine: Machine): Promise<void> =>
        loadState(machine, join(dir, state.file), { compression: state.compression, signal });
      await this.#board.wake(manifest.link, { load, identity: manifest.identity, signal });
    } catch (error) {
      await disk.remove();
      signal.throwIfAborted();
      throw notLoaded(dir, error);
    }
    const afterRestore: UntoldFact[] = ['clock', 'entropy'];
    if (manifest.identity.uuid !== identity.uuid) afterRestore.push('identity');
    return { savedAt: manifest.savedAt, afterRestore };
  }
}

async function notSaved(folder: string, cause: unknown): Promise<unknown> {
  const full = await hostDiskFull(folder, cause);
  if (full) return full;
  const isOurs = cause instanceof RigError && !/^(qmp|qemu\.migration|storage|process)/.test(cause.code);
  if (isOurs) return cause;
  return new RigError(`Cannot save the board: ${messageOf(cause)}`, {
    code: 'snapshot.not-saved',
    blame: 'rig',
    hint: 'The board goes on; its snapshot is not there. Look for room where it was to be written.',
    cause,
  });
}

function notLoaded(dir: string, cause: unknown): RigError {
  return new RigError(`Cannot bring the snapshot ${dir} to life: ${messageOf(cause)}`, {
    code: 'snapshot.not-loaded',
    blame: 'rig',
    hint: 'Remove it, put the image on the medium and boot cold.',
    cause,
    evidence: { dir, ...(cause instanceof RigError ? { cause: cause.code } : {}) },
  });
}

function otherKey(dir: string, reasons: readonly string[]): RigError {
  return new RigError(`The snapshot ${dir} is of another machine: ${reasons.join('; ')}`, {
    code: 'snapshot.other-key',
    blame: 'rig',
    hint: 'Boot cold, and save another.',
    evidence: { dir, reasons },
  });
}

/**
 * QEMU cannot save its nvme (hw/nvme/ctrl.c: unmigratable) and usb-net (hw/usb/dev-network.c: unmigratable); a card in a slot, or a
 * disk that the board wrote from the network, has no image to lie on. Its SABRE Lite is saved and loaded without a word, and answers no
 * more (seen with 7.2).
 */
export function canBeSaved({ model, disk, nic, slot, netboot = false }: MachineSpec): boolean {
  const isOnImage = slot === undefined && !netboot;
  return disk !== 'nvme' && nic !== 'usb' && isOnImage && !/^sabrelite/.test(model);
}
