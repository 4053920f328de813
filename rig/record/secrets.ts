import type { Json } from '../contracts/errors.js';

/** Shorter ones would blank out ordinary text. */
export const minSecretLength = 4;

/**
 * Replaces registered secrets by asterisks of the same length, so that offsets stay true. Also finds them percent-encoded
 * (RFC 3986) and inside base64 (RFC 4648) at each of its three alignments. Not found: a secret broken by a line wrap.
 */
export class SecretMask {
  #secrets: readonly string[] = [];

  /** @param secrets shorter ones than `minSecretLength` are ignored */
  constructor(secrets: Iterable<string> = []) {
    for (const secret of secrets) this.register(secret);
  }

  register(secret: string): void {
    if (secret.length < minSecretLength) return;
    const forms = new Set([...this.#secrets, secret, encodeURIComponent(secret), ...base64Forms(secret)]);
    this.#secrets = [...forms].sort((a, b) => b.length - a.length);
  }

  /** Every form that is looked for, longest first. */
  get forms(): readonly string[] {
    return this.#secrets;
  }

  maskText(text: string): string {
    let masked = text;
    for (const secret of this.#secrets)
      if (masked.includes(secret)) masked = masked.replaceAll(secret, '*'.repeat(secret.length));
    return masked;
  }

  /** Masks every string and key. */
  maskJson<T extends Json>(value: T): T {
    return this.#secrets.length === 0 ? value : (this.#mask(value) as T);
  }

  #mask(value: Json): Json {
    if (typeof value === 'string') return this.maskText(value);
    if (Array.isArray(value)) return value.map((item: Json) => this.#mask(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [this.maskText(key), this.#mask(item)]),
    );
  }

  /** A mask for one byte stream. Secrets registered later count from then on. */
  stream(): SecretStream {
    return new SecretStream(this);
  }
}

/**
 * Masks a byte stream across chunk borders. What could be the beginning of a secret is held back until the next bytes
 * decide, or `flush` lets it go; should the rest come after all, that rest is masked, so a whole secret never gets through.
 */
export class SecretStream {
  readonly #mask: SecretMask;
  #forms: readonly string[] = [];
  #needles: readonly Buffer[] = [];
  /** The tail that is the beginning of a secret: as it came, and with what is masked in it already. */
  #tail: Buffer = Buffer.alloc(0);
  #tailOut: Buffer = Buffer.alloc(0);
  /** Bytes of the tail that `flush` has let go. */
  #released = 0;

  constructor(mask: SecretMask) {
    this.#mask = mask;
  }

  /** Bytes held back now. */
  get held(): number {
    return this.#tail.length - this.#released;
  }

  /** @returns bytes that are decided: what was held back and came before them, then this chunk's. May be `chunk` itself. */
  push(chunk: Uint8Array): Uint8Array {
    if (this.#forms !== this.#mask.forms) {
      this.#forms = this.#mask.forms;
      this.#needles = this.#forms.map((form) => Buffer.from(form));
    }
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (this.#needles.length === 0) return bytes;
    const work = this.#tail.length === 0 ? bytes : Buffer.concat([this.#tail, bytes]);
    const skip = this.#released;
    let out = this.#tail.length === 0 ? undefined : Buffer.concat([this.#tailOut, bytes]);
    for (const needle of this.#needles) {
      for (let at = work.indexOf(needle); at >= 0; at = work.indexOf(needle, at + 1)) {
        out ??= Buffer.from(bytes);
        out.fill(0x2a, at, at + needle.length);
      }
    }
    const whole = out ?? bytes;
    const hold = this.#undecided(work);
    const end = work.length - hold;
    this.#tail = Buffer.from(work.subarray(end));
    this.#tailOut = Buffer.from(whole.subarray(end));
    this.#released = Math.max(0, skip - end);
    return whole.subarray(Math.min(skip, end), end);
  }

  /** Lets go of what is held back, as it stands. */
  flush(): Uint8Array {
    const out = this.#tailOut.subarray(this.#released);
    this.#released = this.#tail.length;
    return out;
  }

  /** Length of the longest end of `work` that begins a secret. */
  #undecided(work: Buffer): number {
    let longest = 0;
    for (const needle of this.#needles) {
      const first = needle[0] ?? 0;
      const from = Math.max(0, work.length - needle.length + 1);
      for (let at = work.indexOf(first, from); at >= 0; at = work.indexOf(first, at + 1)) {
        const length = work.length - at;
        if (length <= longest) break;
        if (work.compare(needle, 0, length, at) === 0) longest = length;
      }
    }
    return longest;
  }
}

/** The characters of a base64 text that the secret alone decides, at its three alignments. */
function base64Forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [0, 1, 2].flatMap((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const skip = shift === 0 ? 0 : shift + 1;
    const keep = (bytes.length + shift) % 3 === 0 ? text.length : text.length - 1;
    const form = text.slice(skip, keep);
    return form.length >= 6 ? [form] : [];
  });
}
