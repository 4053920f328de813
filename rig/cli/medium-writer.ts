import type { Cancellable } from '../contracts/capabilities.js';
import type { MediumWriter } from '../contracts/medium-writer.js';

/** The flash engine, loaded with the first medium that is written: a run on a virtual board may write none. */
export const mediumWriter: MediumWriter = {
  write: (image, drive, options) => engine(options, (writer) => writer.write(image, drive, options)),
  verify: (image, drive, options) => engine(options, (writer) => writer.verify(image, drive, options)),
  serve: (image, options) => engine(options, (writer) => writer.serve(image, options)),
};

/** Node's own calls reject with an AbortError; who aborted is in the signal. */
async function engine<T>(
  { signal }: Cancellable = {},
  use: (writer: MediumWriter) => Promise<T>,
): Promise<T> {
  const { mediumWriter: writer } = await import('../flash/medium-writer.js');
  try {
    return await use(writer);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
