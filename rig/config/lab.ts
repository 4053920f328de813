import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { BoardConfig } from '../contracts/board.js';
import type { Driver } from '../contracts/driver.js';
import { builtInTypes, loadBoardType } from './board-type.js';
import { displayPath } from './display-path.js';
import { Problems } from './problems.js';

/** A board, and who gave it. */
export interface LabBoard extends BoardConfig {
  readonly from: 'built-in' | 'lab';
}

/** The boards there are. */
export interface Lab {
  /** The lab file, where there is one. */
  readonly file?: string;
  readonly boards: readonly LabBoard[];
  /** Values that came from the environment: they must appear in no log and no message. */
  readonly secrets: readonly string[];
  /** What a person should know of how the lab was read, one sentence each. */
  readonly notes: readonly string[];
}

export interface LabOptions {
  /** Default: `lab.yaml` in `cwd`, where there is one. */
  readonly file?: string | undefined;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly drivers: DriverLoaders;
}

/** The registry's shape: drivers by name, loaded when asked for. */
export type DriverLoaders = Readonly<Record<string, () => Promise<Driver>>>;

/**
 * The virtual boards, and those of the lab file; a board of the file replaces a virtual one of the same name.
 *
 * @throws RigError (blame: config) that lists every problem of the file and of the board types it names
 */
export async function loadLab(options: LabOptions): Promise<Lab> {
  const problems = new Problems();
  const reading = { cwd: options.cwd, env: options.env, problems };
  const boards = new Map<string, LabBoard>();
  for (const name of builtInTypes()) {
    const found = await loadBoardType(name, options.cwd, reading);
    if (found?.type.machine)
      boards.set(name, {
        name,
        ...found,
        labels: ['virtual', found.type.arch],
        drivers: {},
        from: 'built-in',
      });
  }
  const file = options.file ?? (existsSync(join(options.cwd, 'lab.yaml')) ? 'lab.yaml' : undefined);
  const notes: string[] = [];
  if (file !== undefined) {
    const path = resolve(options.cwd, file);
    const shown = displayPath(path, options.cwd);
    // Only here is a YAML parser and a schema library needed.
    const { readLabFile } = await import('./lab-file.js');
    for (const board of await readLabFile(path, { shown, reading, drivers: options.drivers })) {
      if (boards.has(board.name)) notes.push(`${shown} replaces the built-in board ${board.name}.`);
      boards.set(board.name, { ...board, from: 'lab' });
    }
  }
  problems.throwIfAny();
  return {
    ...(file === undefined ? {} : { file: resolve(options.cwd, file) }),
    boards: [...boards.values()],
    secrets: [...new Set(problems.secrets)],
    notes,
  };
}
