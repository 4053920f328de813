import { isAscii } from 'node:buffer';

/** What is kept at least, and the buffer's size; between the two the oldest text is dropped. */
const keepBytes = 256 * 1024;
const capacityBytes = 1024 * 1024;
/** Places remembered at which bytes were taken out; text of many more escape sequences than that is kept for less long. */
const maxShifts = 128 * 1024;
/** Largest text that is made into one string for all searches, and how far it reaches back for their overlaps. */
const sharedBytes = 72 * 1024;
const marginBytes = 256;

/**
 * The last text of a console: bytes after cleaning, each with its place in the raw log. Positions count cleaned bytes since
 * the console was opened and never go back. Memory is bounded whatever arrives.
 */
export class TextWindow {
  readonly #bytes: Buffer;
  readonly #keepBytes: number;
  /** Position of the first byte kept. */
  #start = 0;
  #length = 0;
  /** From position `#from[i]` on, raw offset minus position is `#shift[i]`. */
  #from: number[] = [];
  #shift: number[] = [];
  #shared = { from: 0, to: 0, text: '', ascii: true };

  constructor(options: { keepBytes?: number; capacityBytes?: number } = {}) {
    this.#keepBytes = options.keepBytes ?? keepBytes;
    this.#bytes = Buffer.allocUnsafe(options.capacityBytes ?? capacityBytes);
  }

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#start + this.#length;
  }

  /** Makes room for `count` bytes (at most the capacity less what is kept). */
  reserve(count: number): void {
    if (this.#length + count > this.#bytes.length) this.dropBefore(this.end - this.#keepBytes);
    if (this.#from.length > maxShifts) this.dropBefore(this.#from[maxShifts / 2] ?? this.#start);
  }

  /** Copies bytes `from` to `to` of `chunk`, whose first byte stands at `rawOffset` of the log. */
  append(chunk: Uint8Array, { from, to, rawOffset }: { from: number; to: number; rawOffset: number }): void {
    const shift = rawOffset + from - this.end;
    if (shift !== this.#shift.at(-1)) {
      this.#from.push(this.end);
      this.#shift.push(shift);
    }
    // A short copy is faster byte by byte than by a call into the runtime.
    if (to - from > 256) this.#bytes.set(chunk.subarray(from, to), this.#length);
    else for (let i = from; i < to; i += 1) this.#bytes[this.#length + i - from] = chunk[i] as number;
    this.#length += to - from;
  }

  dropBefore(position: number): void {
    const count = Math.min(Math.max(0, position - this.#start), this.#length);
    if (count === 0) return;
    this.#bytes.copyWithin(0, count, this.#length);
    this.#start += count;
    this.#length -= count;
    const first = Math.max(0, upperBound(this.#from, this.#start) - 1);
    this.#from = this.#from.slice(first);
    this.#shift = this.#shift.slice(first);
  }

  /** One character for each byte; what was dropped is left out. Several searches over the same new text share one string. */
  latin1(from: number, to: number): string {
    const first = Math.max(from, this.#start);
    if (to <= first) return '';
    if (first < this.#shared.from || to > this.#shared.to) {
      if (to - first > sharedBytes) return this.#latin1(first, to);
      const start = Math.max(this.#start, first - marginBytes);
      const bytes = this.#bytes.subarray(start - this.#start, this.#length);
      this.#shared = { from: start, to: this.end, text: bytes.toString('latin1'), ascii: isAscii(bytes) };
    }
    return this.#shared.text.slice(first - this.#shared.from, to - this.#shared.from);
  }

  /** Whether the text holds ASCII only, as far as that is known at no cost. */
  isAscii(from: number, to: number): boolean {
    return this.#shared.ascii && from >= this.#shared.from && to <= this.#shared.to;
  }

  #latin1(from: number, to: number): string {
    return this.#bytes.toString('latin1', Math.max(0, from - this.#start), Math.max(0, to - this.#start));
  }

  /** UTF-8 with U+FFFD for what is not. */
  text(from: number, to: number): string {
    return this.#bytes.toString('utf8', Math.max(0, from - this.#start), Math.max(0, to - this.#start));
  }

  /** Position after the last newline before `position`, looking back at most `limit` bytes. */
  lineStart(position: number, limit: number): number {
    const from = Math.max(this.#start, position - limit);
    return from + this.latin1(from, position).lastIndexOf('\n') + 1;
  }

  rawOffsetOf(position: number): number {
    const i = upperBound(this.#from, position) - 1;
    return position + (this.#shift[Math.max(0, i)] ?? 0);
  }

  /** The first position whose byte stands at `rawOffset` of the log or after it. */
  positionOf(rawOffset: number): number {
    for (let i = this.#from.length - 1; i >= 0; i -= 1) {
      const from = this.#from[i] ?? 0;
      const shift = this.#shift[i] ?? 0;
      if (from + shift <= rawOffset) {
        const next = this.#from[i + 1] ?? this.end;
        return Math.max(this.#start, Math.min(rawOffset - shift, next));
      }
    }
    return this.#start;
  }
}

/** Index of the first element greater than `value` in ascending `list`. */
function upperBound(list: readonly number[], value: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
