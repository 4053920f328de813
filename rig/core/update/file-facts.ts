import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Cancellable } from '../../contracts/capabilities.js';

/** Hash and size of a file. @throws the signal's reason */
export async function fileFacts(
  path: string,
  { signal }: Cancellable = {},
): Promise<{ readonly sha256: string; readonly sizeBytes: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const input = createReadStream(path);
  input.on('data', (chunk) => {
    sizeBytes += chunk.length;
  });
  await pipeline(input, hash, signal ? { signal } : {});
  return { sha256: hash.digest('hex'), sizeBytes };
}
