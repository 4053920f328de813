import { messageOf, RigError } from '../contracts/errors.js';
import { assertSafeRegExp } from '../pattern/safe-regexp.js';
import { parseDurationMs } from '../schema/units.js';

/** The options of one command, read or refused. */
export class OptionReader {
  readonly #command: string;

  /** @param command as it is typed: `rig run` */
  constructor(command: string) {
    this.#command = command;
  }

  bad(message: string): RigError {
    return new RigError(message, {
      code: 'cli.bad-option',
      blame: 'config',
      hint: `${this.#command} --help tells the options.`,
    });
  }

  wholeNumber(
    value: unknown,
    options: { readonly name: string; readonly least: number },
  ): number | undefined {
    if (value === undefined) return undefined;
    const number = Number(value);
    if (/^\d+$/.test(String(value)) && number >= options.least && number < 2 ** 31) return number;
    throw this.bad(`${options.name} takes a whole number from ${options.least}, not "${String(value)}"`);
  }

  /** @returns milliseconds, more than none; `long`: more than a timer can wait for is meant too */
  time(text: string, { name, long = false }: { readonly name: string; readonly long?: boolean }): number {
    const ms = parseDurationMs(text, long ? { belowMs: Number.MAX_SAFE_INTEGER } : {});
    if (ms !== undefined && ms > 0) return ms;
    throw this.bad(
      `${name} takes a time such as ${long ? '12h, 30d or 400d' : '90s, 10m or 1h30m'}, not "${text}"`,
    );
  }

  /** A regular expression that cannot explode. @param name of what takes it */
  pattern(source: string, name: string): RegExp {
    try {
      const regexp = new RegExp(source);
      assertSafeRegExp(regexp, { blame: 'config' });
      return regexp;
    } catch (error) {
      if (error instanceof RigError) throw error;
      throw this.bad(`${name} "${source}" is not a regular expression: ${messageOf(error)}`);
    }
  }
}
