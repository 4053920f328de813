import type { LabBoard } from '../../config/lab.js';
import { exitCodes } from '../../contracts/verdict.js';
import type { CommandInput, CommandIo } from '../command.js';
import { openLab } from '../open-lab.js';
import { table } from '../table.js';
import { boardState } from './board-state.js';

/** `rig boards`: the boards of the lab, and who uses each. */
export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  const lab = await openLab(input, io);
  const rows = await Promise.all(
    lab.boards.map(async (board) => ({
      name: board.name,
      type: board.type.name,
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
        row.type,
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

function isVirtual(board: LabBoard): boolean {
  const configs = Object.values(board.drivers);
  return configs.length === 0 || configs.some(({ driver }) => driver === 'qemu');
}
