import type { TextWindow } from './text-window.js';

/**
 * What a Linux kernel prints when it dies or an oops ends what it did. Sources: kernel/panic.c (`Kernel panic - not syncing`),
 * arch/arm64/kernel/traps.c and arch/arm/kernel/traps.c (`Internal error: %s: %lx [#%d]`), arch/arm64/mm/fault.c and arch/arm/mm/fault.c (`Unable to
 * handle kernel … at virtual address`), arch/x86/mm/fault.c (`BUG: unable to handle page fault`, `BUG: kernel NULL pointer
 * dereference`), arch/x86/kernel/dumpstack.c (`%s: %04lx [#%d]`: Oops, general protection fault), lib/bug.c (`kernel BUG at`); how they read:
 * Documentation/admin-guide/bug-hunting.rst.
 */
const beginnings =
  /Kernel panic - not syncing|BUG: unable to handle|BUG: kernel NULL pointer|Unable to handle kernel|kernel BUG at |Internal error: |Oops: |general protection fault/g;
const longestBeginning = 32;

/** These also stand in messages that are none of the kernel's death; the die counter `[#1]` tells. */
const needsCounter = /^(?:Internal error|Oops|general protection fault)/;
const counter = /\[#\d+\]/;

/** Nothing before it on its line, or printk's stamp: `[   12.345678] `, with PRINTK_CALLER `[   12.345678][    T1] `. */
const kernelPrefix = /(?:^|\[ *\d+\.\d{6}\](?:\[ *[TC]\d+\])? )$/;
const longestPrefix = 512;

/** A line with which a kernel said that it died. */
export interface PanicLine {
  readonly start: number;
  readonly text: string;
}

/** Finds panic lines, each once, when the line is whole (or `settle` says that no more of it comes). */
export class PanicDetector {
  #scanned = 0;
  #candidate: number | undefined;

  startAt(position: number): void {
    this.#scanned = position;
    this.#candidate = undefined;
  }

  /** Whether a line that began like a panic is not finished. */
  get pending(): boolean {
    return this.#candidate !== undefined;
  }

  advance(window: TextWindow, to: number): PanicLine | undefined {
    while (this.#candidate === undefined) {
      const from = Math.max(window.start, this.#scanned - longestBeginning);
      if (to <= from) return undefined;
      beginnings.lastIndex = 0;
      const text = window.latin1(from, to);
      const found = this.#nextIn(text, { from, window });
      if (found === undefined) {
        this.#scanned = to;
        return undefined;
      }
      this.#candidate = found;
      const line = this.#finish(window, to, { force: false });
      if (line) return line;
    }
    return this.#finish(window, to, { force: false });
  }

  settle(window: TextWindow, to: number): PanicLine | undefined {
    return this.#finish(window, to, { force: true });
  }

  #nextIn(text: string, { from, window }: { from: number; window: TextWindow }): number | undefined {
    for (let found = beginnings.exec(text); found; found = beginnings.exec(text)) {
      const at = from + found.index;
      // One that ended before was judged before.
      if (at + found[0].length <= this.#scanned) continue;
      const lineStart = window.lineStart(at, longestPrefix);
      if (kernelPrefix.test(window.latin1(lineStart, at))) return at;
    }
    return undefined;
  }

  #finish(window: TextWindow, to: number, { force }: { force: boolean }): PanicLine | undefined {
    const start = this.#candidate;
    if (start === undefined) return undefined;
    const text = window.text(start, Math.min(to, start + 1024));
    const newline = text.indexOf('\n');
    if (newline < 0 && text.length < 1024 && !force) return undefined;
    const line = newline < 0 ? text : text.slice(0, newline);
    if (needsCounter.test(line) && !counter.test(line)) {
      if (newline < 0 && text.length < 1024) return undefined;
      this.#candidate = undefined;
      this.#scanned = start + longestBeginning;
      return undefined;
    }
    this.#candidate = undefined;
    this.#scanned = Math.max(start + line.length, start + longestBeginning);
    return { start, text: line };
  }
}
