import type { PowerState } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';
import { exitCodes } from '../../contracts/verdict.js';
import type { AttachedSession } from '../../core/session/attached.js';
import { pollUntil } from '../../lifetime/poll.js';
import { type BoardRequest, boardRequest, capability, existingSession, sessionOf } from '../board-command.js';
import { bringUp } from '../bring-up.js';
import type { CommandInput, CommandIo } from '../command.js';

const actions = ['on', 'off', 'cycle', 'reset', 'shutdown', 'state'] as const;
type Action = (typeof actions)[number];

/** Time for a system to shut down when its power button was pressed. */
const shutdownMs = 120_000;

/** `rig power BOARD ACTION` in the board's session; only `on` starts one. */
export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  const action = String(input.args[1]);
  if (!isAction(action)) {
    throw new RigError(`Cannot do "${action}" to a board's power`, {
      code: 'cli.bad-argument',
      blame: 'config',
      hint: `Use one of ${actions.join(', ')}.`,
    });
  }
  const request = await boardRequest(input, { io, purpose: `rig power ${action}` });
  const state = await act(action, { request, input, io });
  const { name } = request.board;
  if (input.options.json === true) {
    io.out(`${JSON.stringify({ board: name, session: state !== undefined, power: state ?? null })}\n`);
  } else io.out(state === undefined ? `${name}: no session\n` : `${name}: ${state}\n`);
  return exitCodes.passed;
}

/** @returns the power's state afterwards, undefined without a session */
async function act(
  action: Action,
  { request, input, io }: { request: BoardRequest; input: CommandInput; io: CommandIo },
): Promise<PowerState | undefined> {
  const { signal } = io;
  if (action === 'on') {
    await using up = await bringUp(request, { io, input });
    return await capability(up.session, 'power').state({ signal });
  }
  if (action === 'state') {
    await using session = await existingSession(request, io);
    return session && (await capability(session, 'power').state({ signal }));
  }
  await using session = await sessionOf(request, io);
  const power = capability(session, 'power');
  if (action === 'off') await power.off({ signal });
  else if (action === 'reset') await capability(session, 'reset').reset({ signal });
  else if (action === 'shutdown') await shutdown(session, signal);
  else {
    // Nobody else may come between off and on.
    await session.takeLease({ signal });
    await power.off({ signal });
    await power.on({ signal });
  }
  return await power.state({ signal });
}

async function shutdown(session: AttachedSession, signal: AbortSignal): Promise<void> {
  const power = capability(session, 'power');
  await capability(session, 'powerButton').press({ signal });
  await pollUntil(async () => (await power.state({ signal })) === 'off', {
    what: `board "${session.board.name}" to power itself off`,
    timeoutMs: shutdownMs,
    everyMs: 200,
    blame: 'board',
    hint: 'Does its system handle the power button? The console tells; rig power off takes the power away.',
    signal,
  });
}

function isAction(text: string): text is Action {
  return (actions as readonly string[]).includes(text);
}
