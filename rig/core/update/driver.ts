import { RigError } from '../../contracts/errors.js';
import type { Shell, ShellResult, WaitOptions } from '../../contracts/suite.js';
import type { UpdatePromise, UpdateStatus } from '../../contracts/update.js';
import { commandDriver } from './command.js';
import { raucDriver } from './rauc.js';

/** What differs between products that update themselves; what is common is in `UpdateControl`. */
export interface UpdateDriver {
  /** @throws RigError `update.unreadable-status` (blame: board) */
  status(shell: Shell, options: WaitOptions): Promise<UpdateStatus>;
  /** The command line that installs `bundle`, a file of the board or a URL. */
  install(bundle: string): string;
  /** Whether the product took the bundle, by what its command said. */
  took(result: ShellResult): boolean;
  /** The board reboots by itself after an installation. */
  readonly reboots: boolean;
}

export function updateDriver(promise: UpdatePromise): UpdateDriver {
  return promise.driver === 'rauc' ? raucDriver(promise) : commandDriver(promise);
}

export function unreadable(what: string, said: string): RigError {
  return new RigError(`Cannot read ${what}: the board said ${JSON.stringify(said.slice(0, 200))}`, {
    code: 'update.unreadable-status',
    blame: 'board',
    hint: "Run the command on the board (rig ssh) and compare: is it the profile's command for this product?",
  });
}
