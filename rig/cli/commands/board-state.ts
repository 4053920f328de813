import { messageOf } from '../../contracts/errors.js';
import { sessionRoots } from '../../core/session/directory.js';
import { describeHolder } from '../../core/session/holder.js';
import { attachSession } from '../../core/session/open.js';
import type { CommandIo } from '../command.js';

/** `free`, or who has the board. */
export async function boardState(name: string, io: CommandIo): Promise<{ readonly state: string }> {
  try {
    const session = await attachSession(name, {
      purpose: 'rig boards',
      roots: sessionRoots(io.env),
      signal: AbortSignal.any([io.signal, AbortSignal.timeout(2_000)]),
    });
    if (!session) return { state: 'free' };
    await using attached = session;
    const { holder, lease, kind } = await attached.info();
    return {
      state: lease
        ? `used by ${describeHolder(lease)}`
        : `${kind === 'background' ? 'up' : 'used'} by ${describeHolder(holder)}`,
    };
  } catch (error) {
    io.signal.throwIfAborted();
    // A session that is just starting or ending must not keep the others from being listed.
    return { state: `busy (${messageOf(error)})` };
  }
}
