import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RigError } from '../../rig/contracts/errors.js';
import type { LogFiles, LogMark } from '../../rig/contracts/powercut.js';

/** Logs of one medium: QEMU begins a file anew, so each process gets one of its own. */
export class MediumLogFiles {
  readonly #folder: string;
  readonly #files: string[] = [];
  readonly #marks: LogMark[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(folder: string): Promise<MediumLogFiles> {
    await mkdir(folder, { recursive: true });
    return new MediumLogFiles(folder);
  }

  /** An empty file for the next process. @throws RigError `powercut.log-exists` */
  async next(): Promise<string> {
    const path = join(this.#folder, `writes-${String(this.#files.length).padStart(3, '0')}.log`);
    try {
      // blklogwrites opens its log, and never makes one.
      await writeFile(path, '', { flag: 'wx', mode: 0o600 });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
      throw new RigError(`${path} is there already`, {
        code: 'powercut.log-exists',
        blame: 'config',
        hint: 'Record into an empty folder.',
        cause,
      });
    }
    this.#files.push(path);
    return path;
  }

  async mark(name: string): Promise<void> {
    const file = this.#files.length - 1;
    const path = this.#files[file];
    this.#marks.push(
      path === undefined ? { name, file: 0, bytes: 0 } : { name, file, bytes: (await stat(path)).size },
    );
  }

  found(): LogFiles {
    return { files: [...this.#files], marks: [...this.#marks] };
  }
}
