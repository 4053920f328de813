import { homedir } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { BoardConfig, DriverConfig } from '../contracts/board.js';
import { didYouMean } from '../schema/nearest.js';
import { loadBoardType, type Reading } from './board-type.js';
import { reportSharedDevices } from './claims.js';
import type { DriverLoaders } from './lab.js';
import { boardSchema, labShape } from './lab-schema.js';
import type { Role } from './names.js';
import type { Problems } from './problems.js';
import { fillSecrets } from './secrets.js';
import { check } from './validate.js';
import { readYaml, type YamlSource } from './yaml-source.js';

/**
 * The boards of the lab file at `path`; what is wrong in it goes to `reading.problems`.
 *
 * @throws RigError `config.unreadable`, `config.yaml-syntax`
 */
export async function readLabFile(
  path: string,
  { shown, reading, drivers }: { shown: string; reading: Reading; drivers: DriverLoaders },
): Promise<BoardConfig[]> {
  const source = await readYaml(path, shown);
  return new LabFile(source, { path, reading, drivers }).boards();
}

class LabFile {
  readonly #source: YamlSource;
  readonly #folder: string;
  readonly #reading: Reading;
  readonly #problems: Problems;
  readonly #loaders: DriverLoaders;

  constructor(source: YamlSource, from: { path: string; reading: Reading; drivers: DriverLoaders }) {
    this.#source = source;
    this.#folder = dirname(from.path);
    this.#reading = from.reading;
    this.#problems = from.reading.problems;
    this.#loaders = from.drivers;
  }

  async boards(): Promise<BoardConfig[]> {
    const shape = check(labShape, this.#source, {
      path: [],
      data: this.#source.data,
      problems: this.#problems,
    });
    // A bad name is one more problem; the boards themselves are checked all the same.
    const raw = shape?.boards ?? mappingAt(this.#source.data, 'boards');
    const boards: BoardConfig[] = [];
    for (const [name, data] of Object.entries(raw)) {
      const board = await this.#board(name, data);
      if (board) boards.push(board);
    }
    for (const board of boards) this.#checkLabels(board, boards);
    await reportSharedDevices(boards, {
      loaders: this.#loaders,
      report: ({ board, role, message }) => {
        const path = ['boards', board, 'drivers', role];
        this.#problems.add({
          place: this.#source.placeOf(path),
          path,
          message,
          code: 'config.shared-device',
        });
      },
    });
    return boards;
  }

  async #board(name: string, raw: unknown): Promise<BoardConfig | undefined> {
    const path = ['boards', name];
    const problems = this.#problems;
    const data = fillSecrets(
      raw,
      {
        env: this.#reading.env,
        found: problems.secrets,
        problem: (at, message) =>
          problems.add({
            place: this.#source.placeOf(at),
            path: at,
            message,
            code: 'config.missing-secret',
          }),
      },
      path,
    );
    const read = check(boardSchema, this.#source, { path, data, problems });
    const typePath = [...path, 'type'];
    const type = read?.type ?? textAt(data, 'type');
    const found =
      type === undefined
        ? undefined
        : await loadBoardType(type, this.#folder, {
            ...this.#reading,
            referredBy: { source: this.#source, path: typePath },
          });
    const drivers: Record<string, DriverConfig> = {};
    for (const [role, config] of Object.entries(read?.drivers ?? mappingAt(data, 'drivers'))) {
      const driver = await this.#driver([...path, 'drivers', role], role as Role, config);
      if (driver) drivers[role] = driver;
    }
    if (!read || !found) return undefined;
    if (Object.keys(read.drivers).length === 0 && !found.type.machine)
      problems.add({
        place: this.#source.keyPlaceOf(path),
        path,
        message: `has no drivers, and its type ${found.type.name} has no "machine" with which QEMU could play it; expected drivers, such as power and console`,
      });
    return {
      name,
      ...found,
      labels: read.labels,
      drivers,
      ...(read.ssh ? { ssh: this.#ssh(read.ssh) } : {}),
    };
  }

  async #driver(path: readonly string[], role: Role, config: unknown): Promise<DriverConfig | undefined> {
    const name = textAt(config, 'driver');
    if (name === undefined) return undefined;
    const load = this.#loaders[name];
    const place = this.#source.placeOf([...path, 'driver']);
    if (!load || !Object.hasOwn(this.#loaders, name)) {
      const known = Object.keys(this.#loaders);
      this.#problems.add({
        place,
        path: [...path, 'driver'],
        message: `unknown driver ${JSON.stringify(name)}${didYouMean(name, known)}, expected one of ${known.join(', ')}`,
        code: 'config.unknown-driver',
      });
      return undefined;
    }
    const driver = await load();
    if (!driver.roles.includes(role))
      this.#problems.add({
        place,
        path: [...path, 'driver'],
        message: `the driver ${name} cannot be a board's ${role}, only its ${driver.roles.join(' or ')}`,
      });
    const { driver: _, ...options } = config as Record<string, unknown>;
    const result: DriverConfig = { driver: name, options };
    for (const problem of driver.validate(result)) {
      const at = [...path, ...problem.path];
      this.#problems.add({ place: this.#source.placeOf(at), path: at, message: problem.message });
    }
    return result;
  }

  #ssh(ssh: NonNullable<BoardConfig['ssh']>): NonNullable<BoardConfig['ssh']> {
    if (ssh.keyFile === undefined) return ssh;
    const home = this.#reading.env.HOME ?? homedir();
    return { ...ssh, keyFile: resolve(this.#folder, ssh.keyFile.replace(/^~(?=\/)/, home)) };
  }

  /** `--board X` must not mean one board by name and another by label. */
  #checkLabels(board: BoardConfig, boards: readonly BoardConfig[]): void {
    for (const [index, label] of board.labels.entries()) {
      if (!boards.some((other) => other.name === label)) continue;
      const path = ['boards', board.name, 'labels', index];
      this.#problems.add({
        place: this.#source.placeOf(path),
        path,
        message: `found the label ${JSON.stringify(label)}, which is the name of a board; expected another word`,
      });
    }
  }
}

function mappingAt(data: unknown, key: string): Record<string, unknown> {
  const value =
    typeof data === 'object' && data !== null ? (data as Record<string, unknown>)[key] : undefined;
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

function textAt(data: unknown, key: string): string | undefined {
  const value =
    typeof data === 'object' && data !== null ? (data as Record<string, unknown>)[key] : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}
