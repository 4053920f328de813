import { RigError, type SourcePlace } from '../contracts/errors.js';
import { maskSecrets } from './secrets.js';

export type Path = readonly (string | number)[];
export type ConfigCode = `config.${string}`;

/** One thing that is wrong in a file that a person wrote. */
export interface Problem {
  readonly place: SourcePlace;
  readonly path: Path;
  /** What was found and what was expected. */
  readonly message: string;
  /** Absent: `config.invalid`. */
  readonly code?: ConfigCode;
}

/** Gathers problems, so that a person hears of all of them at once. */
export class Problems {
  readonly #found: Problem[] = [];
  /** Values that must not be printed, filled while the configuration is read. */
  readonly secrets: string[] = [];

  /** A board type that two boards share is read twice; its problems count once. */
  add(problem: Problem): void {
    // A value that is not there cannot be wrong as well.
    const unset = this.#found.some(
      (other) =>
        other.code === 'config.missing-secret' && placeText(other.place) === placeText(problem.place),
    );
    if (unset && problem.code !== 'config.missing-secret') return;
    const text = `${placeText(problem.place)} ${describe(problem)}`;
    if (!this.#found.some((other) => `${placeText(other.place)} ${describe(other)}` === text))
      this.#found.push(problem);
  }

  get count(): number {
    return this.#found.length;
  }

  /** @throws RigError with every problem, `place` being the first's; its code is theirs when they share one */
  throwIfAny(): void {
    const files = [...new Set(this.#found.map((problem) => problem.place.file))];
    const ordered = [...this.#found].sort(
      (a, b) =>
        files.indexOf(a.place.file) - files.indexOf(b.place.file) ||
        (a.place.line ?? 0) - (b.place.line ?? 0) ||
        (a.place.column ?? 0) - (b.place.column ?? 0),
    );
    const [first] = ordered;
    if (!first) return;
    const codes = new Set(ordered.map((problem) => problem.code ?? 'config.invalid'));
    const [code = 'config.invalid'] = codes;
    const message =
      ordered.length === 1
        ? describe(first)
        : [
            `${ordered.length} problems in the configuration:`,
            ...ordered.map((problem) => `  ${placeText(problem.place)} ${describe(problem)}`),
          ].join('\n');
    throw new RigError(maskSecrets(message, this.secrets), {
      code: codes.size === 1 ? code : 'config.invalid',
      blame: 'config',
      hint: hintOf(first.place.file),
      place: first.place,
    });
  }
}

/** `lab.yaml:3:5` */
export function placeText(place: SourcePlace): string {
  return [place.file, place.line, place.column].filter((part) => part !== undefined).join(':');
}

/** `boards.desk.drivers.power.on[0]` */
export function pathText(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += `${text === '' ? '' : '.'}${/^[\w-]+$/.test(part) ? part : JSON.stringify(part)}`;
  }
  return text;
}

function describe(problem: Problem): string {
  const path = pathText(problem.path);
  return path === '' ? problem.message : `${path}: ${problem.message}`;
}

function hintOf(file: string): string {
  return `Correct ${file} and try again; docs/lab-file.md, docs/add-a-board.md and docs/run-the-nightly.md explain every key, and \`rig schema\` lets an editor check them.`;
}
