import { resolve } from 'node:path';
import { addAbortSignal } from 'node:stream';
import type { Cancellable } from '../../contracts/capabilities.js';
import { FileSource } from './file.js';
import { type PackedSource, StreamSource } from './packed-source.js';

/**
 * @param ref a path, an http or https address, or `-` for standard input
 * @throws RigError `flash.image-missing`, `flash.image-unreadable` (blame: config)
 */
export async function openSource(ref: string, { cwd }: { readonly cwd: string }): Promise<PackedSource> {
  if (ref === '-') return new StreamSource('standard input', { open: standardInput });
  // TLS costs a start of this process more than all the rest of the engine.
  if (isAddress(ref)) return (await import('./http.js')).httpSource(ref);
  return await FileSource.open(resolve(cwd, ref), ref);
}

export function isAddress(ref: string): boolean {
  return /^https?:\/\//i.test(ref) && URL.canParse(ref);
}

async function* standardInput({ signal }: Cancellable): AsyncGenerator<Uint8Array, void> {
  const { stdin } = process;
  if (signal) addAbortSignal(signal, stdin);
  try {
    for await (const chunk of stdin) yield chunk as Buffer;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
