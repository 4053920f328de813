import { RigError } from '../../contracts/errors.js';

/** What everything under way is rejected with when the session goes. */
export function sessionEnded(board: string, reason: string): RigError {
  return new RigError(`The session of board "${board}" ended: ${reason}`, {
    code: 'session.ended',
    blame: 'rig',
    hint: `Start it again with: rig up ${board}`,
  });
}
