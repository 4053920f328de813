import type { Cancellable } from '../../contracts/capabilities.js';
import type { CrashState, Enumeration, ServedView, WriteLog } from '../../contracts/powercut.js';
import type { Alike } from '../../core/powercut/judge/trial.js';
import type { RecordedOperation } from './folder.js';

/** All states that a power cut in a recorded operation can leave, and how to boot them. */
export interface CrashSpace extends AsyncDisposable {
  readonly log: WriteLog;
  readonly enumeration: Enumeration;
  readonly alike: Alike;
  /** The lower, the sooner a boot needs what the state is about. */
  dangerOf(state: CrashState): number;
  serve(state: CrashState, options: { readonly socketPath: string }): Promise<ServedView>;
}

export async function openSpace(_recorded: RecordedOperation, _options: Cancellable): Promise<CrashSpace> {
  throw new Error('waits for the engine');
}
