import { patternOf } from '../../../pattern/signature.js';

/** What a console says of a boot, line by line: regular expression sources with named groups. */
export interface Signs {
  /** The bootloader's choice: `slot`; `tries` and `why` where it tells. */
  readonly chosen: string;
  /** The system that comes up: `version`, where it tells. */
  readonly version?: string | undefined;
  /** The system's health check is content. */
  readonly good?: string | undefined;
  /** It is not; `complaint` where it tells. */
  readonly bad?: string | undefined;
}

/** What the bootloader told of one boot. */
export interface BootChoice {
  readonly slot: string;
  /** Tries that the slot has left after this one. */
  readonly tries?: number;
  readonly why?: string;
}

/** What one line of the console tells of a boot. */
export type BootLine =
  | { readonly kind: 'chosen'; readonly choice: BootChoice }
  | { readonly kind: 'version'; readonly version: string }
  | { readonly kind: 'health'; readonly good: boolean; readonly complaint?: string };

/** Reads lines by the signs of a product. */
export class BootLineReader {
  readonly #signs: Readonly<Record<keyof Signs, RegExp | undefined>>;

  /** @throws RigError `pattern.explosive`, `pattern.invalid` (blame: config) */
  constructor({ chosen, version, good, bad }: Signs) {
    const compile = (source: string | undefined): RegExp | undefined =>
      source === undefined ? undefined : (patternOf({ regexp: source }) as RegExp);
    this.#signs = {
      chosen: compile(chosen),
      version: compile(version),
      good: compile(good),
      bad: compile(bad),
    };
  }

  read(line: string): BootLine | undefined {
    const chosen = this.#signs.chosen?.exec(line)?.groups;
    if (chosen?.slot !== undefined) {
      const tries = Number(chosen.tries ?? Number.NaN);
      return {
        kind: 'chosen',
        choice: {
          slot: chosen.slot,
          ...(Number.isInteger(tries) ? { tries } : {}),
          ...(chosen.why === undefined ? {} : { why: chosen.why }),
        },
      };
    }
    const up = this.#signs.version?.exec(line);
    if (up) return { kind: 'version', version: up.groups?.version ?? '' };
    if (this.#signs.good?.test(line)) return { kind: 'health', good: true };
    const bad = this.#signs.bad?.exec(line);
    if (!bad) return undefined;
    const complaint = bad.groups?.complaint;
    return { kind: 'health', good: false, ...(complaint === undefined ? {} : { complaint }) };
  }
}

/** Longer lines are cut: what tells of a boot is short, and a device can send anything. */
const maxLine = 1024;
/** ECMA-48 control sequences, which GRUB and UEFI firmware put around each word. */
const sequences = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f]/g;

/** Cuts a console's bytes into lines of text without control sequences. */
export class LineCutter {
  #rest = '';

  /** @returns the lines that `chunk` ends */
  push(chunk: Uint8Array): string[] {
    const parts = (this.#rest + Buffer.from(chunk).toString('latin1')).split('\n');
    this.#rest = (parts.pop() ?? '').slice(-maxLine);
    return parts.map((line) => line.slice(-maxLine).replaceAll(sequences, ''));
  }

  /** What came behind the last line's end. */
  get rest(): string {
    return this.#rest.replaceAll(sequences, '');
  }
}
