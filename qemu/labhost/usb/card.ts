import { closeSync, fdatasyncSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';

export const blockBytes = 512;

/** A memory card: a raw file, in whole blocks. */
export class Card {
  readonly blocks: number;
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'r+');
    this.blocks = Math.floor(fstatSync(this.#file).size / blockBytes);
  }

  /** @param at block; the caller has checked that all of it is on the card */
  read(at: number, count: number): Buffer {
    const bytes = Buffer.alloc(count * blockBytes);
    for (let done = 0; done < bytes.length; ) {
      const got = readSync(this.#file, bytes, done, bytes.length - done, at * blockBytes + done);
      // The file became shorter than it was: the rest of the card is empty.
      if (got === 0) break;
      done += got;
    }
    return bytes;
  }

  write(at: number, bytes: Buffer): void {
    for (let done = 0; done < bytes.length; )
      done += writeSync(this.#file, bytes, done, bytes.length - done, at * blockBytes + done);
  }

  flush(): void {
    fdatasyncSync(this.#file);
  }

  close(): void {
    closeSync(this.#file);
  }
}
