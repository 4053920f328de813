const sequences =
  /\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|\r(?=\n)/g;
/** Control characters (C0 but newline and tab, DEL, C1) and what turns the direction of writing (UAX #9). */
const unsafe = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
/** The beginning of a sequence that is not over yet. */
const unfinished = /\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b\n]*|[ -/]*)$/;
const maxHeld = 256;

/**
 * A board's output as a terminal may show it: no escape sequence and no control character but newline and tab gets
 * through, however the bytes are cut. Sequences are taken out whole where they are recognised.
 */
export class PrintableText {
  readonly #decoder = new TextDecoder('utf-8');
  #held = '';

  push(chunk: Uint8Array): string {
    const text = this.#held + this.#decoder.decode(chunk, { stream: true });
    const open = unfinished.exec(text.slice(-maxHeld));
    const end = open ? text.length - open[0].length : text.length;
    this.#held = text.slice(end);
    return clean(text.slice(0, end));
  }

  /** What was held back. */
  end(): string {
    const text = this.#held + this.#decoder.decode();
    this.#held = '';
    return clean(text);
  }
}

function clean(text: string): string {
  return text.replace(sequences, '').replace(unsafe, '');
}
