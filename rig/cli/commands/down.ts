import { RigError } from '../../contracts/errors.js';
import { exitCodes } from '../../contracts/verdict.js';
import { describeHolder, thisHolder } from '../../core/session/holder.js';
import { acquireBoard, boardHolder } from '../../core/session/lock.js';
import { existingSession, sessionRequest } from '../board-command.js';
import type { CommandInput, CommandIo } from '../command.js';

/** A session that does not even say hello in this time hangs. */
const answerMs = 45_000;

/** `rig down BOARD`: powers the board off and ends its session. Nothing to end is no error. */
export async function run(input: CommandInput, io: CommandIo): Promise<number> {
  const request = await sessionRequest(input, { io, purpose: 'rig down' });
  const { name } = request.board;
  const hangs = AbortSignal.timeout(answerMs);
  const signal = AbortSignal.any([io.signal, hangs]);
  try {
    await using session = await existingSession(request, { ...io, signal });
    if (!session) return await cleanUp(name, io);
    const { kind, holder } = await session.info({ signal });
    const { orderly, error, failure } = await session.stop({ force: input.options.force === true, signal });
    if (failure) throw failure;
    if (!orderly) throw error;
    io.out(
      kind === 'run'
        ? `${name} is off: ${describeHolder(holder)} was told to end\n`
        : `${name} is off, its session has ended\n`,
    );
    return exitCodes.passed;
  } catch (error) {
    if (!hangs.aborted || io.signal.aborted) throw error;
    const holder = await boardHolder(name);
    throw new RigError(
      `The session of board "${name}" does not answer${holder ? `: ${describeHolder(holder)}` : ''}`,
      {
        code: 'session.no-answer',
        blame: 'rig',
        hint: holder
          ? `If it hangs: kill -9 ${holder.pid} (a virtual board goes with it; check that a real one is off).`
          : 'Try again.',
        cause: error,
      },
    );
  }
}

async function cleanUp(name: string, io: CommandIo): Promise<number> {
  await using lock = await acquireBoard(name, thisHolder('rig down'), { signal: io.signal });
  io.out(
    lock.recovered
      ? `${name} has no session; the last one had died (${describeHolder(lock.recovered)}), what it left is cleaned up\n`
      : `${name} has no session\n`,
  );
  return exitCodes.passed;
}
