import { createHash } from 'node:crypto';
import { RigError } from '../../contracts/errors.js';
import type { Random } from '../../contracts/random.js';

/** 48 bits: the most that a number holds and that is whole bytes. */
const spanBytes = 6;

/**
 * SHA-256 of the key and a counter, block after block: the same on every version of Node, so that a run of long ago can be repeated.
 * Not for secrets.
 */
export class SeededRandom implements Random {
  readonly #key: string;
  #block = Buffer.alloc(0);
  #blocks = 0;

  /** An attempt has values of its own: what the one before left behind cannot pass for its work. */
  constructor(of: { readonly seed: number; readonly id: string; readonly attempt: number }) {
    this.#key = JSON.stringify([of.seed, of.id, of.attempt]);
  }

  uuid(): string {
    const bytes = this.bytes(16);
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    return Buffer.from(bytes)
      .toString('hex')
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }

  integer(least: number, most: number): number {
    const span = most - least + 1;
    if (!Number.isSafeInteger(least) || !Number.isSafeInteger(most) || span < 1 || span > 2 ** 48)
      throw badRange(`a whole number from ${least} to ${most}`);
    // What lies past the last whole multiple is drawn again: else low numbers would come more often.
    const end = 2 ** 48 - (2 ** 48 % span);
    for (;;) {
      const drawn = Buffer.from(this.bytes(spanBytes)).readUIntBE(0, spanBytes);
      if (drawn < end) return least + (drawn % span);
    }
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw badRange('one of no items');
    return items[this.integer(0, items.length - 1)] as T;
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let filled = 0; filled < count; ) {
      if (this.#block.length === 0) this.#block = this.#next();
      const taken = this.#block.subarray(0, count - filled);
      bytes.set(taken, filled);
      filled += taken.length;
      this.#block = this.#block.subarray(taken.length);
    }
    return bytes;
  }

  #next(): Buffer<ArrayBuffer> {
    const hash = createHash('sha256').update(`${this.#key} ${this.#blocks}`);
    this.#blocks += 1;
    return Buffer.from(hash.digest());
  }
}

function badRange(what: string): RigError {
  return new RigError(`Cannot draw ${what}`, {
    code: 'suite.bad-range',
    blame: 'suite',
    hint: 'Both ends are whole numbers and included, at most 2^48 apart.',
  });
}
