import type { Cancellable } from '../../contracts/capabilities.js';

/** As Debian, Fedora and Alpine name it. */
const libraryName = 'libzstd.so.1';
/** Two of these fit the cache of a core; larger ones cost more. */
const outputBytes = 256 * 1024;

/** What libzstd said of bytes that are no zstd, or not all of it. */
export class ZstdError extends Error {}

type Context = unknown;
type Place = [bytes: number];

/** The decoder of libzstd (`zstd.h`), as far as it is used. */
export interface ZstdLibrary {
  create(): Context;
  free(context: Context): void;
  /** Decodes on another thread. @returns what `ZSTD_decompressStream` does: 0 at the end of a frame */
  decode(
    context: Context,
    step: {
      readonly output: Buffer;
      readonly written: Place;
      readonly input: Uint8Array;
      readonly taken: Place;
    },
  ): Promise<number>;
}

let loaded: Promise<ZstdLibrary | undefined> | undefined;

/** This host's; undefined where it has none. */
export function zstdLibrary(): Promise<ZstdLibrary | undefined> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<ZstdLibrary | undefined> {
  try {
    return await open();
  } catch {
    // No binding for this host, no library, or one that is older than what is used of it.
    return undefined;
  }
}

async function open(): Promise<ZstdLibrary> {
  const { default: koffi } = await import('koffi');
  const library = koffi.load(libraryName);
  const decompress = library.func(
    'size_t ZSTD_decompressStream_simpleArgs(void *context, void *output, size_t outputBytes, _Inout_ size_t *written, const void *input, size_t inputBytes, _Inout_ size_t *taken)',
  );
  const isError = library.func('unsigned int ZSTD_isError(size_t code)');
  const errorName = library.func('const char *ZSTD_getErrorName(size_t code)');
  return {
    create: library.func('void *ZSTD_createDStream()'),
    free: library.func('size_t ZSTD_freeDStream(void *context)'),
    decode: (context, { output, written, input, taken }) =>
      new Promise((resolve, reject) => {
        decompress.async(
          ...[context, output, output.length, written, input, input.length, taken],
          (error: Error | null, code: number | bigint) => {
            if (error) reject(error);
            else if (isError(code)) reject(new ZstdError(errorName(code) as string));
            else resolve(Number(code));
          },
        );
      }),
  };
}

/**
 * Unpacks zstd, of one frame or several. While a chunk is used the next one is made; a chunk is gone when the one after it is asked for.
 *
 * @throws ZstdError; what `packed` throws; the signal's reason
 */
export async function* unzstd(
  library: ZstdLibrary,
  packed: AsyncIterable<Uint8Array>,
  { signal }: Cancellable,
): AsyncGenerator<Uint8Array, void> {
  const context = library.create();
  const decoded = decodedBy(library, { context, packed });
  let next = decoded.next();
  try {
    for (;;) {
      const { value, done } = await next;
      signal?.throwIfAborted();
      if (done) return;
      next = decoded.next();
      // Who stops in between has no use for its error.
      next.catch(() => undefined);
      yield value;
    }
  } finally {
    // Queued behind the step that may still be under way on its thread, with our buffers.
    await decoded.return().catch(() => undefined);
    library.free(context);
  }
}

async function* decodedBy(
  library: ZstdLibrary,
  { context, packed }: { readonly context: Context; readonly packed: AsyncIterable<Uint8Array> },
): AsyncGenerator<Uint8Array, void> {
  // One is used while the other is being filled.
  const outputs = [Buffer.allocUnsafeSlow(outputBytes), Buffer.allocUnsafeSlow(outputBytes)] as const;
  let turn = 0;
  let left = 1;
  for await (const input of packed) {
    const taken: Place = [0];
    // At the end of a frame the decoder keeps the last byte until the output has taken everything.
    while (taken[0] < input.length) {
      const output = outputs[turn % 2 === 0 ? 0 : 1];
      const written: Place = [0];
      left = await library.decode(context, { output, written, input, taken });
      if (written[0] === 0) continue;
      turn++;
      yield output.subarray(0, written[0]);
    }
  }
  if (left > 0) throw new ZstdError('unexpected end of the file');
}
