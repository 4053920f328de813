import { messageOf } from '../../contracts/errors.js';
import { sessionRoots } from '../../core/session/directory.js';
import { describeHolder } from '../../core/session/holder.js';
import { leftOn, readOffline } from '../../core/session/offline.js';
import { attachSession } from '../../core/session/open.js';
import type { CommandIo } from '../command.js';

/** `free`, why it is not to be used, or who has the board. */
export async function boardState(name: string, io: CommandIo): Promise<{ readonly state: string }> {
  try {
    const session = await attachSession(name, {
      purpose: 'rig boards',
      roots: sessionRoots(io.env),
      signal: AbortSignal.any([io.signal, AbortSignal.timeout(2_000)]),
    });
    if (!session) return { state: idleState(name, io) };
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

function idleState(name: string, io: CommandIo): string {
  const roots = sessionRoots(io.env);
  const offline = readOffline(name, roots);
  if (offline) return `offline since ${offline.since} (${offline.reason})`;
  const on = leftOn(name, roots);
  return on.length > 0 ? `left on by a process that died (rig power ${name} off)` : 'free';
}
