import { messageOf, RigError } from '../contracts/errors.js';

/** What keeps the rig from writing `what` (`the run folder runs/x`): a full disk is told from all else. */
export function writeError(what: string, cause: unknown): RigError {
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const full = reason === 'ENOSPC' || reason === 'EDQUOT';
  const why = messageOf(cause);
  return new RigError(`Cannot write ${what}: ${full ? 'the disk is full' : why}`, {
    code: full ? 'record.disk-full' : 'record.unwritable',
    blame: 'rig',
    hint: full ? 'Free some space or name another folder with --report.' : 'Check the folder and its owner.',
    cause,
  });
}
