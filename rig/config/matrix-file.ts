import { dirname, resolve } from 'node:path';
import { messageOf } from '../contracts/errors.js';
import type { Exclusion, Matrix, MatrixRow, NamedImage, NamedSuite } from '../contracts/matrix.js';
import { didYouMean } from '../schema/nearest.js';
import { displayPath } from './display-path.js';
import type { Lab } from './lab.js';
import { type MatrixFile, matrixSchema } from './matrix-schema.js';
import { type Path, Problems } from './problems.js';
import { check } from './validate.js';
import { readYaml, type YamlSource } from './yaml-source.js';

export interface MatrixContext {
  readonly lab: Lab;
  readonly cwd: string;
  /** The name of the suite that a reference means, a name or an absolute path. @throws RigError when there is none */
  readonly suiteName: (ref: string) => Promise<string>;
}

/** What an image is called that no matrix names. */
export const ownImage: NamedImage = { name: 'default' };

/**
 * Reads `matrix.yaml`.
 *
 * @throws RigError `config.unreadable`, `config.yaml-syntax`, `config.invalid` with every problem and its line and column
 */
export async function readMatrixFile(file: string, context: MatrixContext): Promise<Matrix> {
  const path = resolve(context.cwd, file);
  const source = await readYaml(path, displayPath(path, context.cwd));
  const problems = new Problems();
  const read = check(matrixSchema, source, { path: [], data: source.data, problems });
  problems.throwIfAny();
  return new MatrixReader(source, { ...context, folder: dirname(path), problems }).matrix(read as MatrixFile);
}

interface ReaderContext extends MatrixContext {
  readonly folder: string;
  readonly problems: Problems;
}

class MatrixReader {
  readonly #source: YamlSource;
  readonly #context: ReaderContext;

  constructor(source: YamlSource, context: ReaderContext) {
    this.#source = source;
    this.#context = context;
  }

  async matrix(file: MatrixFile): Promise<Matrix> {
    const rows = [await this.#row(file, file.matrix, ['matrix'])];
    for (const [index, row] of file.include.entries())
      rows.push(await this.#row(file, row, ['include', index]));
    const exclude = file.exclude.map((one, index) => this.#exclusion(one, { rows, at: ['exclude', index] }));
    const quarantine = file.quarantine.map(({ board, ...known }, index) => ({
      ...known,
      ...this.#some(board, ['quarantine', index, 'board']),
    }));
    const heavy = file.host.heavy.flatMap((name, index) => this.#boards(name, ['host', 'heavy', index]));
    this.#context.problems.throwIfAny();
    return {
      rows,
      exclude,
      quarantine,
      retries: file.retries,
      ...(file.flakyLimit === undefined ? {} : { flakyLimit: file.flakyLimit }),
      ...(file.deadline === undefined ? {} : { deadlineMs: file.deadline }),
      host: {
        heavy,
        ...(file.host.cpus === undefined ? {} : { cpus: file.host.cpus }),
        ...(file.host.memory === undefined ? {} : { memoryMiB: file.host.memory }),
      },
    };
  }

  async #row(file: MatrixFile, row: MatrixFile['matrix'], path: Path): Promise<MatrixRow> {
    const boards = row.boards.flatMap((name, index) => this.#boards(name, [...path, 'boards', index]));
    const images = row.images?.flatMap((name, index) => this.#image(file, name, [...path, 'images', index]));
    const suites: NamedSuite[] = [];
    for (const [index, ref] of row.suites.entries())
      suites.push(...(await this.#suite(ref, [...path, 'suites', index])));
    return {
      boards: [...new Set(boards)],
      images: images ?? [ownImage],
      suites,
      tier: row.tier,
      priority: row.priority,
      ...(row.deadline === undefined ? {} : { deadlineMs: row.deadline }),
    };
  }

  /** The boards of a name, or of a label. */
  #boards(selector: string, path: Path): string[] {
    const { boards } = this.#context.lab;
    const named = boards.filter(({ name }) => name === selector);
    const found = named.length > 0 ? named : boards.filter(({ labels }) => labels.includes(selector));
    if (found.length === 0) {
      const known = [...new Set(boards.flatMap(({ name, labels }) => [name, ...labels]))];
      this.#unknown('board or label', selector, { known, path });
    }
    return found.map(({ name }) => name);
  }

  #some(selector: string | undefined, path: Path): { boards?: readonly string[] } {
    return selector === undefined ? {} : { boards: this.#boards(selector, path) };
  }

  #image({ images }: MatrixFile, name: string, path: Path): NamedImage[] {
    const ref = Object.hasOwn(images, name) ? images[name] : undefined;
    if (ref !== undefined) return [{ name, ref: this.#fromHere(ref) }];
    this.#unknown('image', name, { known: Object.keys(images), path });
    return [];
  }

  async #suite(text: string, path: Path): Promise<NamedSuite[]> {
    const ref = this.#fromHere(text);
    try {
      return [{ name: await this.#context.suiteName(ref), ref }];
    } catch (error) {
      this.#problem(path, messageOf(error));
      return [];
    }
  }

  /** Paths of the file count from its own folder. */
  #fromHere(ref: string): string {
    return ref.includes('/') || /\.(ts|js|mjs|img|raw)$/.test(ref) ? resolve(this.#context.folder, ref) : ref;
  }

  /** One that fits nothing is a mistake: what was to be left out would run. */
  #exclusion(
    { board, image, suite }: MatrixFile['exclude'][number],
    { rows, at }: { rows: readonly MatrixRow[]; at: Path },
  ): Exclusion {
    const { boards } = this.#some(board, [...at, 'board']);
    const fits = rows.some(
      (row) =>
        (boards === undefined || boards.length === 0 || row.boards.some((name) => boards.includes(name))) &&
        (image === undefined || row.images.some(({ name }) => name === image)) &&
        (suite === undefined || row.suites.some(({ name }) => name === suite)),
    );
    if (!fits)
      this.#problem(at, 'fits nothing of the matrix, expected boards, images and suites that it has');
    return {
      ...(boards === undefined ? {} : { boards }),
      ...(image === undefined ? {} : { image }),
      ...(suite === undefined ? {} : { suite }),
    };
  }

  #unknown(what: string, name: string, { known, path }: { known: readonly string[]; path: Path }): void {
    const choice = known.length === 0 ? 'none is there' : `expected one of ${known.join(', ')}`;
    this.#problem(path, `unknown ${what} ${JSON.stringify(name)}${didYouMean(name, known)}, ${choice}`);
  }

  #problem(path: Path, message: string): void {
    this.#context.problems.add({ place: this.#source.placeOf(path), path, message });
  }
}
