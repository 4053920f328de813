import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cancellable } from '../contracts/capabilities.js';
import { RigError } from '../contracts/errors.js';
import { administratorEnv } from '../lifetime/administrator-env.js';
import { runProgram } from '../lifetime/run-program.js';

/** For one call of a tool on a volume of some hundred megabytes, on a host of any speed. */
const toolMs = 120_000;
const listBytes = 4 * 1024 * 1024;

/** Debian's packages of the tools. */
const packages: Readonly<Record<string, string>> = {
  mdir: 'mtools',
  mcopy: 'mtools',
  mmd: 'mtools',
  mdel: 'mtools',
  'fsck.vfat': 'dosfstools',
};

/** A FAT file system that fills a file of ours; its files are read and written by mtools, FAT12 to FAT32, long names. */
export class FatVolume {
  readonly #file: string;
  readonly #workDir: string;
  readonly #signal: AbortSignal | undefined;

  constructor(file: string, { workDir, signal }: { readonly workDir: string } & Cancellable) {
    this.#file = file;
    this.#workDir = workDir;
    this.#signal = signal;
  }

  /**
   * Has fsck.vfat read all of it, changing nothing: mtools follows what it finds, also a chain of clusters that is a ring.
   *
   * @throws RigError `image.damaged-fat` (blame: config)
   */
  async check(): Promise<void> {
    const { code, stdout } = await this.#run('fsck.vfat', ['-n', this.#file], { allowedCodes: [0, 1] });
    if (code === 0) return;
    const complaints = complaintsOf(stdout);
    if (complaints.length === 0) return;
    throw new RigError(
      `The FAT file system of the boot partition is damaged: ${complaints.slice(0, 3).join('; ')}`,
      {
        code: 'image.damaged-fat',
        blame: 'config',
        hint: 'Take a sound copy of the image, or repair this one with fsck.vfat on a loop device.',
        evidence: { complaints: complaints.slice(0, 20) },
      },
    );
  }

  /** Names in the folder `path` (`''` is the root); undefined when there is no such folder. */
  async list(path: string): Promise<string[] | undefined> {
    if (path !== '' && !(await this.#find('', path))) return undefined;
    const { stdout } = await this.#run('mdir', ['-b', '-a', '-i', this.#file, `::/${path}`], {
      // mdir ends with 1 for a folder that is empty.
      allowedCodes: [0, 1],
    });
    return stdout
      .split('\n')
      .filter((line) => line.startsWith('::/'))
      .map((line) => line.replace(/\/$/, '').replace(/^.*\//, ''));
  }

  /** Name as it stands on the disk of the file `path`; FAT does not tell small letters from capital ones. */
  async exists(path: string): Promise<boolean> {
    const cut = path.lastIndexOf('/');
    return (await this.#find(path.slice(0, Math.max(cut, 0)), path.slice(cut + 1))) !== undefined;
  }

  /** @returns undefined when there is no such file */
  async read(path: string): Promise<Buffer | undefined> {
    if (!(await this.exists(path))) return undefined;
    const copy = join(this.#workDir, 'from-fat');
    await rm(copy, { force: true });
    await this.#run('mcopy', ['-n', '-i', this.#file, `::/${path}`, copy]);
    return await readFile(copy);
  }

  /** Copies all that it holds into the folder `into` of this host. */
  async copyAll(into: string): Promise<void> {
    await this.#run('mcopy', ['-s', '-n', '-i', this.#file, '::/', into]);
  }

  /** Makes the folder above it too. @throws RigError `image.boot-partition-full` */
  async write(path: string, content: string | Uint8Array): Promise<void> {
    const cut = path.lastIndexOf('/');
    if (cut > 0 && (await this.list(path.slice(0, cut))) === undefined)
      await this.#run('mmd', ['-i', this.#file, `::/${path.slice(0, cut)}`]);
    const source = join(this.#workDir, 'to-fat');
    await writeFile(source, content, { mode: 0o600 });
    try {
      await this.#run('mcopy', ['-o', '-i', this.#file, source, `::/${path}`]);
    } catch (error) {
      throw isFull(error) ? partitionFull(path, error) : error;
    } finally {
      await rm(source, { force: true });
    }
  }

  async remove(path: string): Promise<void> {
    await this.#run('mdel', ['-i', this.#file, `::/${path}`]);
  }

  async #find(folder: string, name: string): Promise<string | undefined> {
    const names = (await this.list(folder)) ?? [];
    return names.find((other) => other.toLowerCase() === name.toLowerCase());
  }

  async #run(
    program: string,
    args: readonly string[],
    { allowedCodes }: { readonly allowedCodes?: readonly number[] } = {},
  ): Promise<{ code: number; stdout: string }> {
    try {
      return await runProgram(program, args, {
        signal: this.#signal,
        timeoutMs: toolMs,
        captureBytes: listBytes,
        blame: 'config',
        hint: 'rig image inspect tells what the image is; fsck.vfat tells more of a FAT partition.',
        // Nothing of this host's configuration; disks of a size that no drive has are fine (mtools(1), skip_check).
        env: {
          ...administratorEnv(),
          MTOOLSRC: '/dev/null',
          MTOOLS_SKIP_CHECK: '1',
        },
        ...(allowedCodes ? { allowedCodes } : {}),
      });
    } catch (error) {
      if (error instanceof RigError && error.code === 'process.missing') throw missingTool(program, error);
      throw error;
    }
  }
}

/** fsck.vfat's words without what an image that was only not unmounted has, and without its own remarks. */
function complaintsOf(text: string): string[] {
  const harmless = [
    /^fsck\.fat /,
    /^Leaving filesystem unchanged/,
    /^There are differences between boot sector and its backup/,
    /^This is mostly harmless/,
    /^\s*\d+:[0-9a-f/]+(, \d+:[0-9a-f/]+)*\s*$/,
    /^\s*Not automatically fixing/,
    /^Dirty bit is set/,
    /^\s*Automatically removing dirty bit/,
    /^Free cluster summary (wrong|uninitialized)/,
    /^\s*Auto-correcting|^\s*Auto-setting/,
    /files, \d+\/\d+ clusters/,
  ];
  return text
    .split('\n')
    .map((line) => line.replace(/[^\x20-\x7e]/g, '?').trim())
    .filter((line) => line !== '' && !harmless.some((known) => known.test(line)));
}

function isFull(error: unknown): boolean {
  return error instanceof RigError && /Disk full|No directory slots/i.test(error.message);
}

function partitionFull(path: string, cause: unknown): RigError {
  return new RigError(`The boot partition has no room for ${path}`, {
    code: 'image.boot-partition-full',
    blame: 'config',
    hint: 'Write less to it, or give the image a larger boot partition.',
    cause,
  });
}

function missingTool(program: string, cause: unknown): RigError {
  const name = packages[program] ?? program;
  return new RigError(`Cannot read a boot partition without ${program}`, {
    code: 'image.tool-missing',
    blame: 'rig',
    hint: `Install the Debian package: apt-get install ${name}`,
    cause,
    evidence: { missing: [program], packages: [name] },
  });
}
