import type { Test } from 'tap';
import { RigError } from '../../rig/contracts/errors.js';

/** The error says that it is the rig's fault, and something else. */
export function isRigsFault(t: Test, error: unknown, what: string): void {
  t.ok(
    error instanceof RigError && error.blame === 'rig' && error.message !== '',
    `${what}: ${String(error).slice(0, 120)}`,
  );
}

/** `act` fails, and says that it is the rig's fault. */
export async function failsByTheRig(t: Test, act: () => Promise<unknown>, what: string): Promise<void> {
  const error = await act().then(
    () => undefined,
    (cause: unknown) => cause,
  );
  isRigsFault(t, error, what);
}
