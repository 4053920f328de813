/** The last bytes of an output, whatever its length. */
export class BoundedText {
  readonly #limitBytes: number;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #droppedBytes = 0;

  constructor(limitBytes = 64 * 1024) {
    this.#limitBytes = limitBytes;
  }

  /** Bytes that came before the ones that are kept. */
  get droppedBytes(): number {
    return this.#droppedBytes;
  }

  append(chunk: Uint8Array): void {
    this.#chunks.push(Buffer.from(chunk));
    this.#bytes += chunk.length;
    // Twice the limit, so that a flood of small chunks is not copied each time.
    if (this.#bytes > 2 * this.#limitBytes || this.#chunks.length > 1024) this.#trim();
  }

  bytes(): Buffer {
    this.#trim();
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  text(): string {
    return this.bytes().toString('utf8');
  }

  /** The last `count` lines that are not empty. */
  lastLines(count: number): string[] {
    return this.text()
      .split(/\r?\n/)
      .filter((line) => line.trim() !== '')
      .slice(-count);
  }

  #trim(): void {
    const whole = Buffer.concat(this.#chunks);
    const kept = whole.subarray(Math.max(0, whole.length - this.#limitBytes));
    this.#droppedBytes += whole.length - kept.length;
    this.#chunks = kept.length > 0 ? [Buffer.from(kept)] : [];
    this.#bytes = kept.length;
  }
}
