import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab } from '../../config/lab.js';
import type { BoardConfig } from '../../contracts/board.js';
import { exitCodes } from '../../contracts/verdict.js';
import { isBoardName, sessionRoots } from '../../core/session/directory.js';
import { attachSession } from '../../core/session/open.js';
import type { CommandInput, CommandIo } from '../command.js';
import { openLab } from '../open-lab.js';
import { table } from '../table.js';
import { boardState } from './board-state.js';

const answerMs = 2_000;

/** `rig boards`: the boards of the lab, and who uses each. */
export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  const lab = await openLab(input, io);
  const rows = await Promise.all(
    [...lab.boards, ...(await sessionBoards(lab, io))].map(async (board) => ({
      name: board.name,
      type: board.type.name,
      ...(board.type.untested === undefined ? {} : { untested: board.type.untested }),
      arch: board.type.arch,
      kind: isVirtual(board) ? 'virtual' : 'physical',
      labels: board.labels,
      capabilities: board.type.capabilities,
      drivers: Object.fromEntries(Object.entries(board.drivers).map(([role, { driver }]) => [role, driver])),
      from: board.from,
      ...(await boardState(board.name, io)),
    })),
  );
  for (const note of lab.notes) io.err(`${note}\n`);
  if (input.options.json === true) {
    io.out(`${JSON.stringify(rows, null, 2)}\n`);
    return exitCodes.passed;
  }
  io.out(
    table([
      ['BOARD', 'TYPE', 'ARCH', 'KIND', 'LABELS', 'STATE', 'CAPABILITIES'],
      ...rows.map((row) => [
        row.name,
        row.untested === undefined ? row.type : `${row.type} (untested)`,
        row.arch,
        row.kind,
        row.labels.join(',') || '-',
        row.state,
        row.capabilities.join(','),
      ]),
    ]),
  );
  return exitCodes.passed;
}

/** Boards that live in a session and that no lab file tells of: those of `rig resume`, twins that a run made. */
async function sessionBoards(lab: Lab, io: CommandIo): Promise<(BoardConfig & { from: 'session' })[]> {
  const roots = sessionRoots(io.env);
  const names = await readdir(join(roots.runtime, 'boards')).catch(() => []);
  const boards: (BoardConfig & { from: 'session' })[] = [];
  for (const name of names.sort()) {
    if (!isBoardName(name) || lab.boards.some((board) => board.name === name)) continue;
    const signal = AbortSignal.any([io.signal, AbortSignal.timeout(answerMs)]);
    // One that is just starting or ending is not listed.
    const session = await attachSession(name, { purpose: 'rig boards', roots, signal }).catch(
      () => undefined,
    );
    io.signal.throwIfAborted();
    if (!session) continue;
    boards.push({ ...session.board, from: 'session' });
    await session[Symbol.asyncDispose]();
  }
  return boards;
}

function isVirtual(board: BoardConfig): boolean {
  const configs = Object.values(board.drivers);
  return configs.length === 0 || configs.some(({ driver }) => driver === 'qemu');
}
