import { RigError } from '../../contracts/errors.js';
import { exitCodes } from '../../contracts/verdict.js';
import { backgroundSession, boardRequest } from '../board-command.js';
import type { CommandInput, CommandIo } from '../command.js';
import { pipedConsole } from '../console-pipe.js';
import { interactiveConsole } from '../console-terminal.js';

/** `rig console BOARD`: its serial line on this terminal, or on standard input and output. */
export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  const request = await boardRequest(input, { io, purpose: 'rig console' });
  const { session, started } = await backgroundSession(request, { io, input, exclusive: false });
  try {
    const line = session.console;
    if (!line) {
      throw new RigError(`Board "${request.board.name}" has no console`, {
        code: 'board.no-capability',
        blame: 'config',
        hint: 'A driver that gives a console belongs in the lab file.',
      });
    }
    const note =
      started || (await session.capabilities.power?.state({ signal: io.signal })) === 'off'
        ? `its power is off: rig power ${request.board.name} on`
        : undefined;
    if (process.stdin.isTTY === true) await interactiveConsole(session, { line, note, signal: io.signal });
    else await pipedConsole(line, { signal: io.signal, ended: session.ended });
    return exitCodes.passed;
  } finally {
    await session[Symbol.asyncDispose]();
  }
}
