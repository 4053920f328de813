import { constants, readFileSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import type { Cancellable } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import { administratorEnv } from '../../lifetime/administrator-env.js';
import { runProgram } from '../../lifetime/run-program.js';
import { roundDown } from '../byte-range.js';
import { fileIdentity, type MediumAct, type MediumName, mediumFault } from './faults.js';

const { O_RDWR, O_DIRECT, O_EXCL, O_CREAT } = constants;
/** Direct transfers to a file must fit the disk that it lies on, whose sector size nobody tells: none has more than this. */
const fileAlignBytes = 4096;
const sysfsSectorBytes = 512;

export interface OpenMediumOptions {
  /** Makes the file where there is none. */
  readonly create?: boolean;
  /** Also when the kernel says that somebody uses the device. Only for a person who named the very drive. */
  readonly evenInUse?: boolean;
}

/** What an image is written to: a block device, or a file that stands for one. */
export class Medium implements MediumName, AsyncDisposable {
  readonly path: string;
  readonly kind: 'block' | 'file';
  readonly identity: string;
  /** Infinite for a file that was made now. */
  readonly sizeBytes: number;
  /** Made now: what was not written reads as zeros. */
  readonly blank: boolean;
  /** Reads and writes go past the page cache. */
  readonly direct: boolean;
  readonly #alignBytes: number;
  readonly #handle: FileHandle;
  #buffered: FileHandle | undefined;
  #keep = false;

  private constructor(
    handle: FileHandle,
    facts: MediumName & Pick<Medium, 'sizeBytes' | 'blank' | 'direct'> & { readonly alignBytes: number },
  ) {
    this.#handle = handle;
    this.path = facts.path;
    this.kind = facts.kind;
    this.identity = facts.identity;
    this.sizeBytes = facts.sizeBytes;
    this.blank = facts.blank;
    this.direct = facts.direct;
    this.#alignBytes = facts.alignBytes;
  }

  /**
   * Opens it for this process alone, as far as the kernel can promise that: O_EXCL on a block device fails while it, or a partition of
   * it, is mounted, swapped on, or part of an array (man 2 open). It is held until disposed, so that nobody mounts it meanwhile.
   *
   * @throws RigError `flash.drive-missing`, `flash.drive-busy`, `flash.no-permission`, `flash.not-a-drive` (blame: config)
   */
  static async open(path: string, { create, evenInUse }: OpenMediumOptions = {}): Promise<Medium> {
    let handle: FileHandle | undefined;
    try {
      const blank = create === true;
      // Without O_CREAT, O_EXCL means nothing for what is no block device.
      const flags = O_RDWR | (blank ? O_CREAT | O_EXCL : evenInUse ? 0 : O_EXCL);
      const opened = await openDirect(path, flags);
      handle = opened.handle;
      const stats = await handle.stat();
      if (stats.isBlockDevice()) {
        const identity = deviceNumber(stats.rdev);
        return new Medium(handle, {
          ...{ path, kind: 'block', identity, blank: false, direct: opened.direct },
          sizeBytes: sysfsNumber(identity, 'size') * sysfsSectorBytes,
          alignBytes: sysfsNumber(identity, 'queue/logical_block_size', '../queue/logical_block_size'),
        });
      }
      if (!stats.isFile()) throw notADrive(path);
      return new Medium(handle, {
        ...{ path, kind: 'file', identity: fileIdentity(stats), blank, direct: opened.direct },
        sizeBytes: blank ? Number.POSITIVE_INFINITY : stats.size,
        alignBytes: fileAlignBytes,
      });
    } catch (error) {
      await handle?.close();
      throw error instanceof RigError ? error : cannotOpen(path, error);
    }
  }

  /** @param offset and the place of `bytes` in memory: multiples of 4096 */
  async write(offset: number, bytes: Uint8Array): Promise<void> {
    const whole = roundDown(bytes.length, this.#alignBytes);
    try {
      if (whole > 0) await writeAll(this.#handle, { offset, bytes: bytes.subarray(0, whole) });
      if (whole === bytes.length) return;
      // An image need not end with a whole sector. The page cache joins its last bytes with what is there.
      this.#buffered ??= await open(this.path, O_RDWR);
      await writeAll(this.#buffered, { offset: offset + whole, bytes: bytes.subarray(whole) });
    } catch (error) {
      throw this.#fault(error, 'write', offset);
    }
  }

  /**
   * Fills `bytes`, as far as the medium goes.
   *
   * @param offset and the place and length of `bytes`: multiples of 4096
   * @returns how many bytes were read
   */
  async read(offset: number, bytes: Uint8Array): Promise<number> {
    try {
      for (let done = 0; ; ) {
        const { bytesRead } = await this.#handle.read(bytes, done, bytes.length - done, offset + done);
        done += bytesRead;
        // A direct read that is not a whole number of sectors has met the end.
        if (bytesRead === 0 || done === bytes.length || done % this.#alignBytes !== 0) return done;
      }
    } catch (error) {
      throw this.#fault(error, 'read', offset);
    }
  }

  /** Resolves when the medium itself has everything. */
  async sync(): Promise<void> {
    try {
      await this.#handle.sync();
    } catch (error) {
      throw this.#fault(error, 'sync');
    }
  }

  /** After `sync`: makes the kernel forget what direct reads would still meet instead of the medium. */
  async dropCache({ signal }: Cancellable): Promise<void> {
    // A loop device reads its file through the page cache, unless it was told otherwise (losetup --direct-io).
    const below = this.kind === 'block' ? loopFile(this.identity) : this.path;
    if (below !== undefined && (this.kind === 'block' || !this.direct))
      // posix_fadvise(POSIX_FADV_DONTNEED) for the whole file, and nothing else (info dd, nocache).
      await runProgram('dd', [`if=${below}`, 'iflag=nocache', 'count=0', 'status=none'], { signal });
    if (this.kind === 'block' && !this.direct)
      await runProgram('blockdev', ['--flushbufs', this.path], { signal, env: administratorEnv() });
  }

  /** Cuts or grows a file that was made now. */
  async setLength(bytes: number): Promise<void> {
    try {
      await this.#handle.truncate(bytes);
    } catch (error) {
      throw this.#fault(error, 'write', bytes);
    }
  }

  /** The file that was made now is whole, and stays. */
  keep(): void {
    this.#keep = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // `sync` told, and reading back proves, whether all is there: an error of a close would only hide the first one.
    await Promise.allSettled([this.#buffered?.close(), this.#handle.close()]);
    if (this.blank && !this.#keep) await rm(this.path, { force: true });
  }

  #fault(error: unknown, act: MediumAct, offset?: number): RigError {
    return mediumFault(error, { medium: this, act, ...(offset === undefined ? {} : { offset }) });
  }
}

async function openDirect(path: string, flags: number): Promise<{ handle: FileHandle; direct: boolean }> {
  try {
    return { handle: await open(path, flags | O_DIRECT, 0o644), direct: true };
  } catch (error) {
    // The file system knows no direct transfers, or the file was made before that showed.
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
    if (flags & O_CREAT) await rm(path, { force: true });
    return { handle: await open(path, flags, 0o644), direct: false };
  }
}

async function writeAll(
  handle: FileHandle,
  { offset, bytes }: { readonly offset: number; readonly bytes: Uint8Array },
): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, offset + done);
    if (bytesWritten === 0) throw Object.assign(new Error('nothing more can be written'), { code: 'ENOSPC' });
    done += bytesWritten;
  }
}

/** `MAJOR:MINOR` (Linux, include/linux/kdev_t.h, new_decode_dev). */
export function deviceNumber(rdev: number): string {
  return `${(rdev >>> 8) & 0xfff}:${(rdev & 0xff) | ((rdev >>> 12) & 0xfff00)}`;
}

/** The first of the files that is there; a partition has the queue of its disk. */
function sysfsNumber(identity: string, ...files: readonly string[]): number {
  for (const file of files) {
    try {
      return Number(readFileSync(`/sys/dev/block/${identity}/${file}`, 'latin1'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw Object.assign(new Error(`sysfs does not know the block device ${identity}`), { code: 'ENXIO' });
}

/** The file that a loop device is made of. */
function loopFile(identity: string): string | undefined {
  try {
    return readFileSync(`/sys/dev/block/${identity}/loop/backing_file`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function notADrive(path: string): RigError {
  return new RigError(`${path} is neither a drive nor a file`, {
    code: 'flash.not-a-drive',
    blame: 'config',
    hint: 'rig flash without --drive lists the drives that there are.',
  });
}

function cannotOpen(path: string, cause: unknown): RigError {
  const { code = '', message } = cause as NodeJS.ErrnoException;
  const options = { blame: 'config', cause, evidence: { path, errno: code } } as const;
  if (code === 'ENOENT')
    return new RigError(`There is no drive ${path}`, {
      ...options,
      code: 'flash.drive-missing',
      hint: 'rig flash without --drive lists the drives that there are.',
    });
  if (code === 'EBUSY')
    return new RigError(`${path} is in use: the kernel does not give it to anybody else`, {
      ...options,
      code: 'flash.drive-busy',
      hint: 'lsblk tells what is mounted; umount it, and end whatever else works on it.',
    });
  if (['EACCES', 'EPERM', 'EROFS'].includes(code))
    return new RigError(`This user must not write ${path}: ${message}`, {
      ...options,
      code: 'flash.no-permission',
      hint: 'Run it as root, join the group of the device (disk), or move the write-protect switch of the card.',
    });
  if (['ENXIO', 'ENODEV', 'ENOMEDIUM', 'ENOTCONN'].includes(code))
    return new RigError(`There is no medium in ${path}`, {
      ...options,
      code: 'flash.drive-missing',
      hint: 'Put the card in.',
    });
  return new RigError(`Cannot open ${path}: ${message}`, {
    ...options,
    code: 'flash.not-a-drive',
    hint: 'Give a whole drive such as /dev/sdb, or a file.',
  });
}
