import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Cancellable } from '../contracts/capabilities.js';

const readBytes = 1024 * 1024;

/** SHA-256 of a file, in hexadecimal. @throws the signal's reason */
export async function sha256OfFile(path: string, { signal }: Cancellable = {}): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: readBytes }), hash, signal ? { signal } : {});
  return hash.digest('hex');
}
