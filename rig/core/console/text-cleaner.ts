import type { TextWindow } from './text-window.js';

const SPACE = 0x20;
const LF = 0x0a;
const CR = 0x0d;
const TAB = 0x09;
const BEL = 0x07;
const ESC = 0x1b;

/** Longest control sequence believed; a longer one was none. */
const maxSequence = 64;
/** Longest string sequence (title, hyperlink, systemd's OSC 3008) believed; a longer one is given back as text. */
const maxString = 1024;

/** 1 for bytes that stay as they are. */
const shown = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= SPACE || byte === LF || byte === TAB ? 1 : 0,
);

type State = 'text' | 'escape' | 'intermediate' | 'csi' | 'string' | 'stringEscape';

/**
 * Takes out of a byte stream what a terminal would act on instead of showing it (ECMA-48 5.4 and 5.6; string sequences as in xterm's
 * ctlseqs), at any chunk borders. What stays: bytes from 0x20 on, tabs, and newlines for CR LF, CR CR LF, LF and a CR alone. C1 controls are
 * left alone: in UTF-8 these bytes are parts of characters.
 */
export class TextCleaner {
  #state: State = 'text';
  #length = 0;
  /** Raw offset of a CR whose next byte has not come. */
  #returnAt: number | undefined;
  #string = Buffer.allocUnsafe(maxString);
  /** Raw offset of the string's first byte. */
  #stringAt = 0;

  /** The window must have room for `chunk` and for 1100 bytes more. */
  push(chunk: Uint8Array, { rawOffset, window }: { rawOffset: number; window: TextWindow }): void {
    let i = 0;
    while (i < chunk.length) {
      if (this.#state === 'text') i = this.#text(chunk, { i, rawOffset, window });
      else if (this.#escape(chunk[i] ?? 0, { at: rawOffset + i, window })) i += 1;
    }
  }

  /** Nothing more came for a while: gives an unfinished string sequence back as text, so that a prompt in it is seen. */
  settle(window: TextWindow): void {
    if (this.#state === 'string' || this.#state === 'stringEscape') this.#giveBack(window);
    this.#state = 'text';
  }

  /** Like `settle`, and a CR that waits for its LF counts as a line's end. */
  finish(window: TextWindow): void {
    this.settle(window);
    this.#returned(window);
  }

  reset(): void {
    this.#state = 'text';
    this.#returnAt = undefined;
  }

  /** @returns the index of the first byte not taken */
  #text(
    chunk: Uint8Array,
    { i, rawOffset, window }: { i: number; rawOffset: number; window: TextWindow },
  ): number {
    let at = i;
    while (at < chunk.length) {
      const from = at;
      let byte = chunk[at] as number;
      if (this.#returnAt !== undefined && (byte >= SPACE || byte === TAB || byte === ESC))
        this.#returned(window);
      while (shown[byte] === 1) {
        at += 1;
        if (at >= chunk.length) break;
        byte = chunk[at] as number;
      }
      if (at > from) {
        this.#returnAt = undefined;
        window.append(chunk, { from, to: at, rawOffset });
      }
      if (at >= chunk.length) return at;
      if (byte === CR) this.#returnAt = rawOffset + at;
      at += 1;
      if (byte === ESC) {
        this.#state = 'escape';
        this.#length = 0;
        return at;
      }
    }
    return at;
  }

  #returned(window: TextWindow): void {
    if (this.#returnAt === undefined) return;
    window.append(newline, { from: 0, to: 1, rawOffset: this.#returnAt });
    this.#returnAt = undefined;
  }

  /** @returns whether the byte was taken; if not, it is text */
  #escape(byte: number, { at, window }: { at: number; window: TextWindow }): boolean {
    this.#length += 1;
    const final = byte >= 0x30 && byte <= 0x7e;
    const middle = byte >= 0x20 && byte <= 0x2f;
    switch (this.#state) {
      case 'escape':
        if (byte === 0x5b) this.#state = 'csi';
        else if (byte === 0x5d || byte === 0x50 || byte === 0x58 || byte === 0x5e || byte === 0x5f) {
          this.#state = 'string';
          this.#stringAt = at + 1;
          this.#length = 0;
        } else if (middle) this.#state = 'intermediate';
        else this.#state = 'text';
        return final || middle;
      case 'intermediate':
        if (!middle || this.#length > maxSequence) this.#state = 'text';
        return final || middle;
      case 'csi':
        if (byte >= 0x20 && byte <= 0x3f && this.#length <= maxSequence) return true;
        this.#state = 'text';
        return byte >= 0x40 && byte <= 0x7e;
      case 'stringEscape':
        this.#state = 'text';
        // ESC \ ends the string; any other sequence means that it was left unfinished.
        if (byte === 0x5c) return true;
        this.#giveBack(window);
        this.#state = 'escape';
        this.#length = 0;
        return false;
      default:
        if (byte === ESC) {
          // The ESC itself is not part of the string.
          this.#length -= 1;
          this.#state = 'stringEscape';
          return true;
        }
        if (byte === BEL) {
          this.#state = 'text';
          return true;
        }
        if (byte === LF || byte === CR || this.#length > maxString) {
          this.#length -= 1;
          this.#giveBack(window);
          return false;
        }
        this.#string[this.#length - 1] = byte;
        return true;
    }
  }

  #giveBack(window: TextWindow): void {
    const length = this.#state === 'stringEscape' ? this.#length : Math.min(this.#length, maxString);
    this.#state = 'text';
    this.#text(this.#string.subarray(0, length), { i: 0, rawOffset: this.#stringAt, window });
  }
}

const newline = Uint8Array.of(LF);
