import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab } from '../../config/lab.js';
import type { BoardConfig, MachineSpec } from '../../contracts/board.js';
import { RigError } from '../../contracts/errors.js';
import { isJsonObject } from '../../contracts/json.js';
import { definitionFile } from '../../record/layout.js';

export interface DefinitionOptions {
  readonly runDir: string;
  /** Has the board when its own definition could not be written down whole. */
  readonly lab: Lab;
  /** The run came in a pack, from anybody: nothing in it may name a program, a key or a file of this machine. */
  readonly foreign: boolean;
}

/**
 * What a board of a run was, as the run wrote it down.
 *
 * @throws RigError `resume.no-definition`, `resume.secret-definition`, `pack.unsafe`
 */
export async function definitionOf(name: string, options: DefinitionOptions): Promise<BoardConfig> {
  const { runDir, lab, foreign } = options;
  const path = join(runDir, definitionFile(name));
  const read = await readDefinition(path);
  if (!read) {
    throw new RigError(
      `Cannot tell what board "${name}" was: ${path} is not there, or not as the rig writes it`,
      {
        code: 'resume.no-definition',
        blame: 'rig',
        hint: 'The run folder is damaged, or another version of the rig made it.',
      },
    );
  }
  const { board, whole } = read;
  if (!isVirtual(board)) throw unsafe(name, 'it is no virtual board');
  if (foreign) {
    assertHarmless(name, board.type.machine);
    const { ssh: _, ...own } = board;
    if (whole) return own;
  }
  if (whole) return board;
  // A twin is its first board under another name.
  const known = lab.boards.find((other) => other.name === name.replace(/(~\d+)+$/, ''));
  if (known) return { ...known, name };
  throw new RigError(`The definition of board "${name}" has secrets, which a run does not keep`, {
    code: 'resume.secret-definition',
    blame: 'config',
    hint: 'Resume it with the lab file (--lab) and the environment of the run.',
  });
}

async function readDefinition(path: string): Promise<{ board: BoardConfig; whole: boolean } | undefined> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
  if (!isJsonObject(value) || !isJsonObject(value.board) || typeof value.whole !== 'boolean')
    return undefined;
  const { name, type, profile, labels, drivers } = value.board;
  const isBoard =
    typeof name === 'string' &&
    isJsonObject(type) &&
    typeof type.name === 'string' &&
    isJsonObject(type.machine) &&
    isJsonObject(type.machine.boot) &&
    isJsonObject(profile) &&
    isJsonObject(profile.ssh) &&
    Array.isArray(labels) &&
    isJsonObject(drivers) &&
    Object.values(drivers).every(isJsonObject);
  return isBoard ? { board: value.board as unknown as BoardConfig, whole: value.whole } : undefined;
}

function isVirtual({ drivers }: BoardConfig): boolean {
  return Object.values(drivers).every(({ driver }) => driver === 'qemu');
}

/**
 * QEMU's `-machine` takes files to read and to write (`dumpdtb=FILE`): only switches and numbers may stand there. Files
 * that the machine boots from are compared by their content before anything starts (`snapshot.other-key`).
 */
function assertHarmless(name: string, machine: MachineSpec | undefined): void {
  if (!machine) throw unsafe(name, 'it has no machine');
  const { model, cpu, cpus, memoryMiB, forward } = machine;
  if (!/^[\w.-]+(,[\w-]+=(on|off|auto|max|host|\d+))*$/.test(model) || /,dump/.test(model))
    throw unsafe(name, `its machine is ${JSON.stringify(model).slice(0, 120)}`);
  if (!/^[\w.-]+(,([+-][\w.-]+|[\w.-]+=(on|off|\d+)))*$/.test(cpu))
    throw unsafe(name, `its processor is ${JSON.stringify(cpu).slice(0, 120)}`);
  if (![cpus, memoryMiB, ...forward].every((count) => Number.isSafeInteger(count) && count > 0))
    throw unsafe(name, 'its processors, memory or ports are no numbers');
}

function unsafe(name: string, why: string): RigError {
  return new RigError(`Board "${name}" is not brought back to life: ${why}`, {
    code: 'pack.unsafe',
    blame: 'config',
    hint: 'The rig makes no such run: somebody changed it.',
  });
}
