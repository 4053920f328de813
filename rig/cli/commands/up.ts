import { basename } from 'node:path';
import { exitCodes } from '../../contracts/verdict.js';
import { boardRequest } from '../board-command.js';
import { bringUp } from '../bring-up.js';
import type { CommandInput, CommandIo } from '../command.js';

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
  const minutes = info.idleMs === null ? '' : `, ends when nobody used it for ${time(info.idleMs)}`;
  io.out(
    `${name} ${up.started ? 'is up' : 'was up already, its power is on'} (pid ${info.holder.pid}${medium}${minutes})\n`,
  );
  const next = [
    ['console', name, 'its serial console; Ctrl-] leaves'],
    ['ssh', name, 'a shell over ssh, once it has booted'],
    ['power', `${name} off`, 'or on, cycle, reset, shutdown, state'],
    ['logs', `${name} -f`, 'what its console says'],
    ['down', name, 'powers it off and ends the session'],
  ] as const;
  const width = Math.max(...next.map(([word, rest]) => word.length + rest.length)) + 1;
  for (const [word, rest, meaning] of next) io.out(`  rig ${`${word} ${rest}`.padEnd(width)}   ${meaning}\n`);
  return exitCodes.passed;
}

function time(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  return `${Math.round(ms / 60_000)} min`;
}
