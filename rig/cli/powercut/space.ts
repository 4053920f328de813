import { serveView } from '../../../qemu/write-log/block-server.js';
import { readWriteLog } from '../../../qemu/write-log/parse.js';
import { ViewFiles } from '../../../qemu/write-log/view.js';
import type { Cancellable } from '../../contracts/capabilities.js';
import type { CrashState, Enumeration, ServedView, WriteLog } from '../../contracts/powercut.js';
import { Contents } from '../../core/powercut/contents.js';
import { enumerate } from '../../core/powercut/enumerate.js';
import type { Alike } from '../../core/powercut/judge/trial.js';
import { Layers } from '../../core/powercut/layers.js';
import { type LogContents, ReadSetView } from '../../core/powercut/read-set-view.js';
import type { RecordedOperation } from './folder.js';

/** All states that a power cut in a recorded operation can leave, and how to boot them. */
export class CrashSpace implements AsyncDisposable {
  readonly log: WriteLog;
  readonly enumeration: Enumeration;
  readonly contents: LogContents;
  readonly #files: ViewFiles;

  private constructor(parts: {
    log: WriteLog;
    enumeration: Enumeration;
    contents: LogContents;
    files: ViewFiles;
  }) {
    this.log = parts.log;
    this.enumeration = parts.enumeration;
    this.contents = parts.contents;
    this.#files = parts.files;
  }

  /** @throws RigError `powercut.bad-log` */
  static async open(
    { base, log: logged, model, seed }: RecordedOperation,
    { signal }: Cancellable,
  ): Promise<CrashSpace> {
    const { sizeBytes } = base;
    const log = await readWriteLog(logged, { mediumBytes: sizeBytes, signal });
    const files = await ViewFiles.open({ base: base.path, logs: log.files, sizeBytes });
    try {
      const { entries } = log;
      const layers = new Layers(entries);
      const contents = await Contents.read(entries, { layers, source: files, signal });
      const enumeration = enumerate(entries, { model, seed });
      return new CrashSpace({ log, enumeration, contents: { entries, layers, contents }, files });
    } catch (error) {
      await files[Symbol.asyncDispose]();
      throw error;
    }
  }

  readonly alike: Alike = (states, like, read) => {
    const view = new ReadSetView(this.contents, read);
    const held = view.of(like);
    return states.filter((state) => view.areEqual(held, view.of(state)));
  };

  /** Entries that write what a boot needs first. */
  get dangerous(): readonly number[] {
    return [];
  }

  /** The lower, the sooner a boot needs what the state is about. */
  dangerOf(_state: CrashState): number {
    return 0;
  }

  serve(state: CrashState, { socketPath }: { readonly socketPath: string }): Promise<ServedView> {
    return serveView(this.#files, { extents: this.contents.layers.extentsOf(state), socketPath });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#files[Symbol.asyncDispose]();
  }
}
