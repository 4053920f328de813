/** Looks for a text in bytes that come in pieces. */
export class TextWatch {
  readonly #wanted: Buffer;
  /** The end of what came, as far as the text may have begun in it. */
  #tail: Buffer = Buffer.alloc(0);

  constructor(text: string) {
    this.#wanted = Buffer.from(text);
  }

  /** @returns whether the text ends in `chunk` */
  sees(chunk: Uint8Array): boolean {
    const bytes = Buffer.concat([this.#tail, chunk]);
    const found = bytes.lastIndexOf(this.#wanted);
    const from = found < 0 ? 0 : found + this.#wanted.length;
    this.#tail = Buffer.from(bytes.subarray(Math.max(from, bytes.length - this.#wanted.length + 1)));
    return found >= 0;
  }
}
