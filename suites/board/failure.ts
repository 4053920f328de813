import { RigError } from '../../rig/mod.js';

/** What `act` fails with; undefined when it does not. Only errors that the rig throws on purpose are an answer. */
export async function failureOf(act: () => Promise<unknown>): Promise<RigError | undefined> {
  try {
    await act();
  } catch (error) {
    if (error instanceof RigError) return error;
    throw error;
  }
  return undefined;
}
