import { basename } from 'node:path';
import { exitCodes } from '../../contracts/verdict.js';
import { boardRequest } from '../board-command.js';
import { bringUp } from '../bring-up.js';
import type { CommandInput, CommandIo } from '../command.js';
import { idleWords, nextCommands } from '../session-words.js';

/** `rig up BOARD`: a session in the background, an image on the medium, the power on. */
export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  const request = await boardRequest(input, { io, purpose: 'rig up' });
  await using up = await bringUp(request, { io, input });
  const info = await up.session.info();
  const { name } = request.board;
  if (input.options.json === true) {
    const { holder, medium, idleMs } = info;
    io.out(
      `${JSON.stringify({ board: name, started: up.started, pid: holder.pid, medium, idleMs }, null, 2)}\n`,
    );
    return exitCodes.passed;
  }
  const medium = info.medium && info.medium.kind !== 'unknown' ? `, ${basename(info.medium.path)}` : '';
  io.out(
    `${name} ${up.started ? 'is up' : 'was up already, its power is on'} (pid ${info.holder.pid}${medium}${idleWords(info.idleMs)})\n`,
  );
  io.out(nextCommands(name));
  return exitCodes.passed;
}
