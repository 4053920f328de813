import type { MachineSpec } from '../rig/contracts/board.js';
import type { BootFiles, Cancellable, Capabilities, Drive, MuxSide } from '../rig/contracts/capabilities.js';
import type { DriverContext } from '../rig/contracts/driver.js';
import type { ExplorableMedium, MediumLog, ServedView } from '../rig/contracts/powercut.js';
import { Card } from './card.js';
import type { LoadedFiles, MachineParts } from './command-line.js';
import { Disk } from './disk.js';
import { readFirmwareFiles } from './firmware-files.js';
import { MediumLogFiles } from './write-log/medium-log.js';

const mebibyte = 1024 * 1024;
const defaultMiB = 512;

/** What its disk and its card reader hold, and what it could boot instead. */
export type MediumParts = Pick<MachineParts, 'disk' | 'writeLog' | 'served' | 'card' | 'bootFiles'>;

/** Does something with the board off, and nothing else of the board meanwhile. */
export type WhileOff = <T>(act: (signal: AbortSignal) => Promise<T>, options?: Cancellable) => Promise<T>;

/**
 * The media of a virtual board: the disk that images are put on, and where there is a slot the card in it. The mux moves the
 * card, or the disk of a board without a slot. A medium that is at the rig is not in the machine.
 */
export class Media {
  readonly disk: Disk;
  readonly #spec: MachineSpec;
  readonly #card: Card | undefined;
  readonly #context: DriverContext;
  #side: MuxSide;
  #log: MediumLogFiles | undefined;
  /** What the board boots from instead of the disk. */
  #served: ServedView['socketPath'] | undefined;
  #bootFiles: BootFiles | undefined;

  constructor(spec: MachineSpec, context: DriverContext) {
    this.#spec = spec;
    this.#context = context;
    this.disk = new Disk(context.workDir);
    this.#card =
      spec.slot === undefined
        ? undefined
        : new Card(context.workDir, { sizeBytes: (spec.cardMiB ?? defaultMiB) * mebibyte });
    // A slot is empty until something is put into it; a board is never without its only disk.
    this.#side = spec.slot === undefined ? 'board' : 'rig';
  }

  capabilities(whileOff: WhileOff): Pick<Capabilities, 'storage' | 'mux' | 'netboot'> {
    const { disk, slot, netboot } = this.#spec;
    return {
      ...(disk === undefined ? {} : { storage: this.#storage(whileOff) }),
      ...(disk === undefined && slot === undefined ? {} : { mux: this.#mux(whileOff) }),
      ...(netboot ? { netboot: this.#netboot(whileOff) } : {}),
    };
  }

  /** What is in the machine at the next power-on; a disk that the board itself writes is blank until then. */
  async inMachine(options: Cancellable): Promise<MediumParts> {
    const { disk, slot, netboot = false, mediumMiB = defaultMiB } = this.#spec;
    const writesItself = slot !== undefined || (netboot && this.#side === 'board');
    if (disk !== undefined && writesItself && this.disk.file === undefined)
      await this.disk.blank(mediumMiB * mebibyte, options);
    const served = this.#served;
    return {
      disk: served === undefined ? this.disk.file : undefined,
      writeLog: served === undefined && this.disk.file !== undefined ? await this.#log?.next() : undefined,
      served,
      card: this.#card && this.#side === 'board' ? (await this.#card.drive()).path : undefined,
      bootFiles: this.#bootFiles,
    };
  }

  /** What the board's firmware loads from the medium at this power-on; undefined where it loads nothing by itself. */
  async firmwareFiles(options: Cancellable): Promise<LoadedFiles | undefined> {
    const { boot } = this.#spec;
    if (boot.kind !== 'firmware-files' || this.disk.file === undefined) return undefined;
    return readFirmwareFiles(boot, {
      ...options,
      folder: this.#context.workDir,
      read: (offset, length, call) => this.disk.read(offset, length, call),
    });
  }

  /** The disk as the power-cut explorer needs it; undefined for a board without one. */
  explorable(whileOff: WhileOff): ExplorableMedium | undefined {
    // A crash state is served over a socket, where the firmware that we play cannot read files.
    if (this.#spec.disk === undefined || this.#spec.boot.kind === 'firmware-files') return undefined;
    return {
      logWrites: (folder, options) =>
        whileOff(async () => {
          const log = await MediumLogFiles.make(folder);
          this.#log = log;
          return this.#mediumLog(log, whileOff);
        }, options),
      bootFrom: ({ socketPath }) =>
        whileOff(async () => {
          await this.disk.remove();
          this.#served = socketPath;
        }),
    };
  }

  #mediumLog(log: MediumLogFiles, whileOff: WhileOff): MediumLog {
    return {
      mark: (name) => log.mark(name),
      end: () =>
        whileOff(async () => {
          if (this.#log === log) this.#log = undefined;
          return log.found();
        }),
    };
  }

  async remove(): Promise<void> {
    await this.disk.remove();
    await this.#card?.remove();
  }

  #storage(whileOff: WhileOff): NonNullable<Capabilities['storage']> {
    return {
      state: () => this.disk.state(),
      provision: (image, options) =>
        whileOff(async (signal) => {
          await this.disk.provision(image, { ...options, signal });
          this.#served = undefined;
          if (!this.#card) this.#moved('board');
        }, options),
      read: (offset, length, options) =>
        whileOff((signal) => this.disk.read(offset, length, { signal }), options),
      keep: (path, options) => whileOff((signal) => this.disk.keep(path, { signal }), options),
    };
  }

  #mux(whileOff: WhileOff): NonNullable<Capabilities['mux']> {
    return {
      side: async () => this.#side,
      toRig: (options) =>
        whileOff(async (signal) => {
          const drive = await this.#atRig(signal);
          this.#moved('rig');
          return drive;
        }, options),
      toBoard: (options) =>
        whileOff(async (signal) => {
          if (this.#side === 'board') return;
          if (!this.#card) await this.disk.putBack({ holds: options?.holds, signal });
          this.#moved('board');
        }, options),
    };
  }

  #netboot(whileOff: WhileOff): NonNullable<Capabilities['netboot']> {
    return {
      offer: (files, options) =>
        whileOff(async () => {
          this.#bootFiles = files;
        }, options),
      // A running QEMU serves them until its end: it has no order to stop.
      withdraw: async () => {
        this.#bootFiles = undefined;
      },
    };
  }

  #atRig(signal: AbortSignal): Promise<Drive> {
    const { mediumMiB = defaultMiB } = this.#spec;
    return this.#card?.drive() ?? this.disk.takeOut({ blankBytes: mediumMiB * mebibyte, signal });
  }

  #moved(side: MuxSide): void {
    if (this.#side === side) return;
    this.#side = side;
    this.#context.emit({ kind: 'mux', side });
  }
}
