import { stat } from 'node:fs/promises';
import type { Cancellable } from '../../contracts/capabilities.js';
import { sha256OfFile } from '../../lifetime/hash-file.js';

/** Hash and size of a file. @throws the signal's reason */
export async function fileFacts(
  path: string,
  options: Cancellable = {},
): Promise<{ readonly sha256: string; readonly sizeBytes: number }> {
  const sha256 = await sha256OfFile(path, options);
  return { sha256, sizeBytes: (await stat(path)).size };
}
