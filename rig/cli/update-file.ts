import { stat } from 'node:fs/promises';
import type { Cancellable } from '../contracts/capabilities.js';
import { RigError } from '../contracts/errors.js';
import type { Bundle } from '../contracts/update.js';
import { fileFacts } from '../core/update/file-facts.js';

/** A person's own update; what is in it only the product can read. @throws RigError `update.missing` (blame: config); the signal's reason */
export async function readBundle(path: string, options: Cancellable = {}): Promise<Bundle> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (found instanceof Error || !found.isFile() || found.size === 0) throw missing(path, found);
  return { path, ...(await fileFacts(path, options)) };
}

function missing(path: string, found: Error | { isFile(): boolean }): RigError {
  const why = found instanceof Error ? found.message : found.isFile() ? 'it is empty' : 'it is no file';
  return new RigError(`Cannot use the update ${path}: ${why}`, {
    code: 'update.missing',
    blame: 'config',
    hint: 'Give --update the file that the product takes as an update: a .raucb, .swu or .mender, or what the profile says.',
  });
}
