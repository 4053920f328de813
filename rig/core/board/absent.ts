import type { CapabilityName } from '../../contracts/capabilities.js';
import { RigError } from '../../contracts/errors.js';

/** Gives a capability that the board may lack. @throws RigError `board.no-capability`, blame suite */
export function need<T>(capability: T | undefined, name: CapabilityName, board: string): T {
  if (capability !== undefined) return capability;
  throw new RigError(`Board ${board} has no ${name}`, {
    code: 'board.no-capability',
    blame: 'suite',
    hint: `Declare it: needs: ['${name}']; the test is then skipped on boards without it.`,
  });
}
