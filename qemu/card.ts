import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Drive } from '../rig/contracts/capabilities.js';
import { hostDiskFull } from './host-errors.js';

/** The medium in a board's slot: a raw, sparse file, blank at first, and the board's alone. */
export class Card {
  readonly #path: string;
  readonly #folder: string;
  readonly #sizeBytes: number;

  constructor(folder: string, { sizeBytes }: { readonly sizeBytes: number }) {
    this.#folder = folder;
    this.#path = join(folder, 'card.raw');
    this.#sizeBytes = sizeBytes;
  }

  /** @throws RigError `qemu.host-disk-full` */
  async drive(): Promise<Drive> {
    try {
      await using file = await open(this.#path, 'a', 0o600);
      if ((await file.stat()).size !== this.#sizeBytes) await file.truncate(this.#sizeBytes);
    } catch (error) {
      throw (await hostDiskFull(this.#folder, error)) ?? error;
    }
    return { path: this.#path, sizeBytes: (await stat(this.#path)).size };
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}
