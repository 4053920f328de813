import type { Cancellable } from '../../contracts/capabilities.js';

/** An image as it was given, packed or not: a file, a download, standard input. */
export interface PackedSource extends AsyncDisposable {
  /** As messages call it; without the password of an address. */
  readonly name: string;
  /** How long it is as it is packed; absent where nobody tells. */
  readonly sizeBytes?: number | undefined;
  /** Present for a regular file, which can be read at any place. */
  readonly path?: string;
  /** The first bytes, at most 512, which the others still come after. */
  head(options: Cancellable): Promise<Buffer>;
  /** All of it from its beginning; once. */
  chunks(options: Cancellable): AsyncIterable<Uint8Array>;
  /** How much of it was taken so far. */
  consumedBytes(): number;
}

export const headBytes = 512;

/** A source that comes once and in order, whose beginning must be looked at before the rest is asked for. */
export class StreamSource implements PackedSource {
  readonly name: string;
  readonly #open: (options: Cancellable) => AsyncGenerator<Uint8Array, void>;
  readonly #size: () => number | undefined;
  #stream: AsyncGenerator<Uint8Array, void> | undefined;
  #seen: Uint8Array[] = [];
  #consumed = 0;

  constructor(
    name: string,
    {
      open,
      sizeBytes,
    }: {
      readonly open: (options: Cancellable) => AsyncGenerator<Uint8Array, void>;
      readonly sizeBytes?: () => number | undefined;
    },
  ) {
    this.name = name;
    this.#open = open;
    this.#size = sizeBytes ?? (() => undefined);
  }

  get sizeBytes(): number | undefined {
    return this.#size();
  }

  async head(options: Cancellable): Promise<Buffer> {
    this.#stream ??= this.#open(options);
    const seen = (): number => this.#seen.reduce((sum, { length }) => sum + length, 0);
    while (seen() < headBytes) {
      const { value, done } = await this.#stream.next();
      if (done) break;
      this.#seen.push(value);
    }
    return Buffer.concat(this.#seen).subarray(0, headBytes);
  }

  async *chunks(options: Cancellable): AsyncGenerator<Uint8Array, void> {
    this.#stream ??= this.#open(options);
    for (const chunk of this.#seen.splice(0)) {
      this.#consumed += chunk.length;
      yield chunk;
    }
    for await (const chunk of this.#stream) {
      this.#consumed += chunk.length;
      yield chunk;
    }
  }

  consumedBytes(): number {
    return this.#consumed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream?.return();
  }
}
