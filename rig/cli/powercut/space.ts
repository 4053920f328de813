import { serveView } from '../../../qemu/write-log/block-server.js';
import { readWriteLog } from '../../../qemu/write-log/parse.js';
import { ViewFiles } from '../../../qemu/write-log/view.js';
import type { DeviceProfile } from '../../contracts/board.js';
import type { Cancellable } from '../../contracts/capabilities.js';
import {
  type CrashState,
  type Enumeration,
  regionKinds,
  type SectorSet,
  type ServedView,
  sectorBytes,
  type ViewExtents,
  type WriteLog,
} from '../../contracts/powercut.js';
import type { ReplayPiece } from '../../contracts/powercut-verdict.js';
import { Contents } from '../../core/powercut/contents.js';
import { bootRelevantKinds, Danger, type RegionsAt } from '../../core/powercut/danger.js';
import { enumerate } from '../../core/powercut/enumerate.js';
import type { Alike, Trial } from '../../core/powercut/judge/trial.js';
import { Layers } from '../../core/powercut/layers.js';
import { type LogContents, ReadSetView } from '../../core/powercut/read-set-view.js';
import { piecesOf } from '../../core/powercut/replay-file.js';
import { type SettledSampled, settleSampled } from '../../core/powercut/settle-sampled.js';
import { stateByName } from '../../core/powercut/states.js';
import type { ReadAt } from '../../image/partition-table.js';
import { changedFiles } from '../../image/regions/changed-files.js';
import { RegionMap } from '../../image/regions/region-map.js';
import { diskRegions } from '../../image/regions/regions.js';
import type { RecordedOperation } from './folder.js';

interface SpaceParts {
  readonly log: WriteLog;
  readonly enumeration: Enumeration;
  readonly contents: LogContents;
  readonly files: ViewFiles;
  readonly regions: RegionMap;
}

/** All states that a power cut in a recorded operation can leave, and how to boot them. */
export class CrashSpace implements AsyncDisposable {
  readonly log: WriteLog;
  readonly enumeration: Enumeration;
  readonly #contents: LogContents;
  readonly #files: ViewFiles;
  readonly #danger: Danger;
  readonly regionsAt: RegionsAt;

  private constructor({ log, enumeration, contents, files, regions }: SpaceParts) {
    this.log = log;
    this.enumeration = enumeration;
    this.#contents = contents;
    this.#files = files;
    this.regionsAt = (sector, sectors) => regions.at(sector, sectors);
    this.#danger = new Danger(log.entries, this.regionsAt);
  }

  /** @throws RigError `powercut.bad-log` */
  static async open(
    { base, log: logged, model, seed }: RecordedOperation,
    { profile, signal }: Cancellable & { readonly profile: DeviceProfile },
  ): Promise<CrashSpace> {
    const { sizeBytes } = base;
    const log = await readWriteLog(logged, { mediumBytes: sizeBytes, signal });
    const files = await ViewFiles.open({ base: base.path, logs: log.files, sizeBytes });
    try {
      const { entries } = log;
      const regions = new RegionMap(
        await diskRegions(
          bytesOf((...at) => files.readBase(...at)),
          { sizeBytes, slots: profile.roots },
        ),
      );
      const layers = new Layers(entries);
      const contents = await Contents.read(entries, { layers, source: files, signal });
      const isRelevant = regions.isAnyOf(bootRelevantKinds);
      const enumeration = enumerate(entries, { model, seed, isRelevant });
      return new CrashSpace({ log, enumeration, contents: { entries, layers, contents }, files, regions });
    } catch (error) {
      await files[Symbol.asyncDispose]();
      throw error;
    }
  }

  readonly alike: Alike = (states, like, read) => {
    const view = new ReadSetView(this.#contents, read);
    const held = view.of(like);
    return states.filter((state) => view.holds(state, held));
  };

  /** How much of the sampled epochs these boots settle, and what none of them speaks for. */
  settleSampled(trials: Iterable<Pick<Trial<unknown>, 'state' | 'read'>>): SettledSampled {
    const witnesses = [...trials].map(({ state, read }) => ({ state: this.stateOf(state), read }));
    return settleSampled(this.enumeration.sampled, { log: this.#contents, witnesses });
  }

  /** @throws RigError `powercut.no-such-state` */
  stateOf(name: string): CrashState {
    return stateByName(this.log.entries, name);
  }

  /** Entries that write what a boot needs first. */
  get dangerous(): readonly number[] {
    const last = regionKinds.indexOf('superblock');
    return this.log.entries
      .map(({ number }) => number)
      .filter((entry) => this.#danger.ofEntry(entry) <= last);
  }

  /** The lower, the sooner a boot needs what the state is about. */
  dangerOf(state: CrashState): number {
    return this.#danger.of(state);
  }

  serve(state: CrashState, { socketPath }: { readonly socketPath: string }): Promise<ServedView> {
    return serveView(this.#files, { extents: this.#contents.layers.extentsOf(state), socketPath });
  }

  /** Files that are other with an entry of the state's epoch than without it. */
  async filesChangedBy(entry: number, state: CrashState): Promise<string[]> {
    const { sector = 0 } = this.log.entries[entry] ?? {};
    const others = state.kept.filter((kept) => kept !== entry);
    const { torn, ...whole } = state;
    const how = torn !== undefined && torn.entry === entry ? state : whole;
    const kept = [...others, entry].sort((a, b) => a - b);
    return changedFiles(
      {
        before: this.#reader({ ...whole, kept: others }),
        after: this.#reader({ ...how, kept }),
        sizeBytes: this.#files.sizeBytes,
      },
      { sector },
    );
  }

  #reader(state: CrashState): ReadAt {
    const extents = this.#contents.layers.extentsOf(state);
    return bytesOf((sector, sectors) => this.#read(extents, { sector, sectors }));
  }

  async #read(
    extents: ViewExtents,
    { sector, sectors }: { readonly sector: number; readonly sectors: number },
  ): Promise<Buffer> {
    const target = Buffer.alloc(sectors * sectorBytes);
    await this.#files.read(extents, { sector, target });
    return target;
  }

  /** What a replay of `state` needs besides the base. */
  piecesOf(state: CrashState, read: SectorSet): Promise<ReplayPiece[]> {
    const extents = this.#contents.layers.extentsOf(state);
    return piecesOf(
      {
        read,
        image: (sector, sectors) => this.#files.readBase(sector, sectors),
        view: (sector, sectors) => this.#read(extents, { sector, sectors }),
      },
      { mediumBytes: this.#files.sizeBytes },
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#files[Symbol.asyncDispose]();
  }
}

/** Reads of any bytes, from one who reads sectors. */
function bytesOf(read: (sector: number, sectors: number) => Promise<Buffer>): ReadAt {
  return async (position, length) => {
    const first = Math.floor(position / sectorBytes);
    const end = Math.ceil((position + length) / sectorBytes);
    const from = position - first * sectorBytes;
    return (await read(first, end - first)).subarray(from, from + length);
  };
}
