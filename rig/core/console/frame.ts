import { RigError } from '../../contracts/errors.js';
import type { ShellResult } from '../../contracts/suite.js';
import { holdsMessages, withoutAnyMessages, withoutKernelMessages } from './printk.js';

const maxOutputBytes = 16 * 1024 * 1024;
/** A kernel message that splits a marker is shorter than this (LOG_LINE_MAX is 1024). */
const tailChars = 4096;

/**
 * Reads one command's frame from raw console bytes: `<NONCE uptime`, newline, the output exactly as it came, `[NONCE exitcode]`.
 * Everything before the first marker is echo or old output.
 */
export class FrameReader {
  readonly #nonce: string;
  readonly #lastStamp: () => number | undefined;
  #parts: string[] = [];
  #size = 0;
  #tail = '';
  #begun = false;

  constructor(nonce: string, options: { lastStamp: () => number | undefined }) {
    this.#nonce = nonce;
    this.#lastStamp = options.lastStamp;
  }

  /** The command has begun to run. */
  get begun(): boolean {
    return this.#begun;
  }

  /** @returns the result once the frame is whole @throws RigError `shell.too-much-output` */
  push(chunk: Uint8Array): ShellResult | undefined {
    const part = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1');
    this.#parts.push(part);
    this.#size += part.length;
    if (this.#size > maxOutputBytes) throw tooMuch();
    this.#tail = this.#tail.slice(-tailChars) + part;
    this.#begun ||= this.#shows(`<${this.#nonce} `);
    return this.#begun && this.#shows(`[${this.#nonce} `) ? this.#result() : undefined;
  }

  #shows(marker: string): boolean {
    if (this.#tail.includes(marker)) return true;
    return this.#tail.includes('] ') && withoutAnyMessages(this.#tail).includes(marker);
  }

  #result(): ShellResult | undefined {
    const whole = this.#parts.join('');
    this.#parts = [whole];
    const begin = new RegExp(`<${this.#nonce} ([\\d.]*)\\r*\\n`);
    const end = new RegExp(`\\[${this.#nonce} (\\d+)\\]`);
    for (const text of this.#candidates(whole, begin)) {
      const opening = begin.exec(text);
      const closing = end.exec(text);
      if (!opening || !closing) continue;
      const output = text.slice(opening.index + opening[0].length, closing.index);
      // The terminal made CR LF of each newline (ONLCR, termios(3)).
      const stdout = Buffer.from(output.replaceAll('\r\n', '\n'), 'latin1').toString('utf8');
      return { exitCode: Number(closing[1]), stdout, stderr: '' };
    }
    return undefined;
  }

  /** The text as it came, if no kernel message can be in it; else without those that are none of the command's, then without any. */
  *#candidates(whole: string, begin: RegExp): Iterable<string> {
    if (!holdsMessages(whole)) {
      yield whole;
      return;
    }
    const uptime = (begin.exec(whole) ?? begin.exec(withoutAnyMessages(whole)))?.[1];
    yield withoutKernelMessages(whole, {
      uptimeSeconds: uptime ? Number(uptime) : undefined,
      lastStampSeconds: this.#lastStamp(),
    });
    yield withoutAnyMessages(whole);
  }
}

function tooMuch(): RigError {
  return new RigError(`Stop reading a command's output on the console after ${maxOutputBytes} bytes`, {
    code: 'shell.too-much-output',
    blame: 'suite',
    hint: 'Filter the output on the board, or fetch it over ssh.',
  });
}
