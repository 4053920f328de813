import { constants, copyFile, link, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Cancellable, ImageFile, MediumState, ProvisionOptions } from '../rig/contracts/capabilities.js';
import { RigError } from '../rig/contracts/errors.js';
import { runProgram } from '../rig/lifetime/run-program.js';
import { escapeOption } from './command-line.js';
import { hostDiskFull, missingQemu } from './host-errors.js';

/** Offsets and sizes of QEMU's block layer are multiples of this. */
const sectorBytes = 512;

/** The board's medium: a qcow2 overlay on an image that is never written. The caller sees to it that the board is off. */
export class Disk {
  readonly #folder: string;
  readonly #overlay: string;
  /** The overlay of the snapshot that the board is forked from, by a name of its own. */
  readonly #saved: string;
  #sizeBytes = 0;
  #state: MediumState = { kind: 'unknown' };
  /** The overlay lies on a snapshot's, and that one on the image. */
  #forked = false;

  constructor(folder: string) {
    this.#folder = folder;
    this.#overlay = join(folder, 'medium.qcow2');
    this.#saved = join(folder, 'medium-saved.qcow2');
  }

  /** The overlay's file; undefined before the first `provision`. */
  get file(): string | undefined {
    return this.#state.kind === 'unknown' ? undefined : this.#overlay;
  }

  state(): MediumState {
    return this.#state;
  }

  /** A board runs from it from now on. */
  markDirty(): void {
    if (this.#state.kind === 'image') this.#state = { ...this.#state, kind: 'dirty' };
  }

  /** @throws RigError `storage.image-missing`, `storage.medium-too-small`, `qemu.host-disk-full`, `process.failed` */
  async provision(image: ImageFile, { mediumBytes, signal }: ProvisionOptions = {}): Promise<void> {
    const path = resolve(image.path);
    const size = await mediumSize(image, { mediumBytes });
    await this.remove();
    await this.#create(['-F', 'raw', '-b', path], size, { signal });
    this.#state = { kind: 'image', sha256: image.sha256, path };
  }

  /** The image under the overlay, and the medium's size. */
  get content(): (ImageFile & { readonly sizeBytes: number }) | undefined {
    if (this.#state.kind === 'unknown') return undefined;
    const { path, sha256 } = this.#state;
    return { path, sha256, sizeBytes: this.#sizeBytes };
  }

  /**
   * Copies what the medium holds besides its image. Nobody may write to the overlay meanwhile, and whoever did must have
   * flushed it.
   *
   * @throws RigError `storage.no-medium`, `qemu.host-disk-full`, `process.failed`
   */
  async copyOverlay(path: string, { signal }: Cancellable = {}): Promise<void> {
    const { path: image } = this.content ?? this.#noMedium();
    await copyFile(this.#overlay, path, constants.COPYFILE_FICLONE);
    // What it has from another snapshot goes into the copy: a snapshot needs its image and nothing else.
    if (this.#forked) await this.#img(['rebase', '-f', 'qcow2', '-F', 'raw', '-b', image, path], { signal });
  }

  /**
   * An overlay on `overlay`, which is never written, itself one on `image`. The snapshot may be removed afterwards: its overlay
   * stays under a second name, or as a copy where the snapshot lies on another filesystem.
   *
   * @throws as `provision`
   */
  async fork(
    overlay: string,
    { image, mediumBytes, signal }: Cancellable & { image: ImageFile; mediumBytes: number },
  ): Promise<void> {
    const path = resolve(image.path);
    await this.remove();
    await linkOrCopy(resolve(overlay), this.#saved);
    // The image may lie elsewhere than when the snapshot was saved: the whole chain is named anew.
    const chain = {
      driver: 'qcow2',
      file: { driver: 'file', filename: this.#saved },
      backing: { driver: 'raw', file: { driver: 'file', filename: path } },
    };
    await this.#create(['-F', 'qcow2', '-b', `json:${JSON.stringify(chain)}`], mediumBytes, { signal });
    this.#forked = true;
    this.#state = { kind: 'dirty', sha256: image.sha256, path };
  }

  /** @throws RigError `storage.no-medium`, `storage.out-of-range`, `process.failed` */
  async read(offset: number, length: number, { signal }: Cancellable = {}): Promise<Uint8Array> {
    this.#assertMedium();
    if (offset < 0 || length < 0 || offset + length > this.#sizeBytes)
      throw outOfRange(offset, length, this.#sizeBytes);
    if (length === 0) return new Uint8Array();
    const start = offset - (offset % sectorBytes);
    const size = roundUp(offset + length, sectorBytes) - start;
    const part = join(this.#folder, `read-${start}-${size}.raw`);
    // A window on the overlay. (`qemu-img dd` counts `count` from the start in some versions and from `skip` in others.)
    const window = `driver=raw,offset=${start},size=${size},file.driver=qcow2,file.file.driver=file`;
    const source = `${window},file.file.filename=${escapeOption(this.#overlay)}`;
    try {
      await this.#img(['convert', '--image-opts', '-O', 'raw', source, part], { signal });
      return (await readFile(part)).subarray(offset - start, offset - start + length);
    } finally {
      await rm(part, { force: true });
    }
  }

  /** @throws RigError `storage.no-medium`, `qemu.host-disk-full`, `process.failed` */
  async keep(path: string, { signal }: Cancellable = {}): Promise<void> {
    this.#assertMedium();
    const partial = join(dirname(path), `.${basename(path)}.part`);
    try {
      await this.#img(['convert', '-f', 'qcow2', '-O', 'raw', this.#overlay, partial], { signal });
      await rename(partial, path);
    } finally {
      await rm(partial, { force: true });
    }
  }

  async remove(): Promise<void> {
    this.#state = { kind: 'unknown' };
    this.#forked = false;
    for (const file of [this.#overlay, this.#saved]) await rm(file, { force: true });
  }

  async #create(backing: readonly string[], sizeBytes: number, { signal }: Cancellable): Promise<void> {
    await this.#img(['create', '-q', '-f', 'qcow2', ...backing, this.#overlay, String(sizeBytes)], {
      signal,
    });
    this.#sizeBytes = sizeBytes;
  }

  async #img(args: readonly string[], { signal }: Cancellable): Promise<void> {
    try {
      await runProgram('qemu-img', args, {
        signal,
        hint: 'The image or the overlay may be in use by another QEMU, or the disk of this host is full.',
      });
    } catch (error) {
      if (error instanceof RigError && error.code === 'process.missing')
        throw missingQemu('qemu-img', 'qemu-utils', error);
      throw (await hostDiskFull(this.#folder, error)) ?? error;
    }
  }

  #assertMedium(): void {
    if (this.#state.kind === 'unknown') this.#noMedium();
  }

  #noMedium(): never {
    throw new RigError('The board has no medium to read: no image was put on it in this session', {
      code: 'storage.no-medium',
      blame: 'suite',
      hint: 'Provision it first.',
    });
  }
}

/** Size of the medium with `image` on it. @throws RigError `storage.image-missing`, `storage.medium-too-small` */
export async function mediumSize(
  image: ImageFile,
  { mediumBytes }: Pick<ProvisionOptions, 'mediumBytes'>,
): Promise<number> {
  const imageBytes = await sizeOf(resolve(image.path));
  if (mediumBytes !== undefined && mediumBytes < imageBytes)
    throw tooSmall(image.path, { mediumBytes, imageBytes });
  return roundUp(mediumBytes ?? imageBytes, sectorBytes);
}

/** Saved files are never written, so that one inode may serve any number of boards. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Another filesystem, or one that has no links; or the kernel protects a file of somebody else's (proc(5), protected_hardlinks).
    if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'EMLINK') throw error;
    await copyFile(from, to, constants.COPYFILE_FICLONE);
  }
}

function tooSmall(
  image: string,
  { mediumBytes, imageBytes }: { mediumBytes: number; imageBytes: number },
): RigError {
  return new RigError(`A medium of ${mediumBytes} bytes cannot hold the image of ${imageBytes} bytes`, {
    code: 'storage.medium-too-small',
    blame: 'config',
    hint: 'Give the medium at least the size of the image.',
    evidence: { mediumBytes, imageBytes, image },
  });
}

function outOfRange(offset: number, length: number, sizeBytes: number): RigError {
  return new RigError(`Cannot read ${length} bytes at ${offset}: the medium has ${sizeBytes} bytes`, {
    code: 'storage.out-of-range',
    blame: 'suite',
    hint: 'Read the partition table first, and stay within the medium.',
    evidence: { offset, length, sizeBytes },
  });
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (cause) {
    throw new RigError(`Cannot find the image ${path}`, {
      code: 'storage.image-missing',
      blame: 'config',
      hint: 'Build it (rig image build), or correct the path.',
      cause,
      evidence: { path },
    });
  }
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
